"""Bridges and bots with a part of the server to themselves (specification, "Application Service API")."""
