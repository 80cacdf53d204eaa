"""Encrypted copies of room keys, which users keep on the server (client-server API, "Server-side key backups")."""
