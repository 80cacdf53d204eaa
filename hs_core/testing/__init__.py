"""What tests of this server, and of anybody's plugin, are written with."""
