"""User-interactive authentication (client-server API, "User-Interactive Authentication API")."""
