"""The core's own tables."""
