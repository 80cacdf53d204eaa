"""Measurements: of the protocol library, and of any homeserver by its URL."""
