"""Rooms whose branches nobody joins: an event of ours, which says nothing, comes after all of them.

Each event that arrives costs a resolution of the states after all forward extremities, and an event refers to at most
20 of them. Where servers keep adding branches faster than people talk, this server sends an event of the type that
others use for the same purpose and that clients do not know.
"""

import asyncio

import structlog

from hs_core.db import Database
from hs_core.errors import MatrixError
from hs_core.matrix.errors import ProtocolError
from hs_plugins.rooms.actor import RoomActor
from hs_plugins.rooms.api import Draft, Sent
from hs_plugins.rooms.store.members import local_member

DUMMY = "org.matrix.dummy_event"

log = structlog.get_logger(__name__)


async def join_extremities(actor: RoomActor, db: Database) -> list[asyncio.Future[Sent]]:
    """Send an event that joins the newest events, in the name of a local member, if there is one who may."""
    room_id, server_name = actor.memory.room_id, actor.engine.server_name
    member = await db.read(lambda tx: local_member(tx, room_id, server_name))
    if member is None:
        return []
    try:
        return [await actor.send([Draft(sender=member, type=DUMMY, content={})])]
    except (ProtocolError, MatrixError) as error:
        log.info("nobody here may join the branches of a room", room=room_id, error=str(error))
        return []
