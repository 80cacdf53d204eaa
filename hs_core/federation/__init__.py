"""Other homeservers: where they are. Chapter "Server discovery" of the server-server API."""
