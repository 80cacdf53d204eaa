"""Every SQL statement of the keys plugin's tables."""
