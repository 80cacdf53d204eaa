"""A device that a user keeps on the server, to receive room keys while no other is logged in (MSC3814)."""
