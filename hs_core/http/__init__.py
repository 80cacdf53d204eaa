"""HTTP: from the declared routes to answers."""
