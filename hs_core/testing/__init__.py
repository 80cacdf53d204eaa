"""Shipped for tests, ours and those of other people's plugins: real servers to test against, and drawn rooms."""

from hs_core.testing.room_dag import RoomDag

__all__ = ["RoomDag"]
