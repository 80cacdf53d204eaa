"""Every SQL statement of the rooms' tables, as functions that take a transaction."""
