"""Every SQL statement of the login plugin's tables, as functions that take a transaction."""
