"""`POST /rooms/{roomId}/receipt/{receiptType}/{eventId}` and `POST /rooms/{roomId}/read_markers`."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.responses import Response

from hs_core.errors import Forbidden, InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import empty
from hs_core.matrix.identifiers import EventId, RoomId, UserId, parse_event_id
from hs_plugins.account_data.api import FULLY_READ
from hs_plugins.receipts.api import Receipt
from hs_plugins.receipts.rows import MAIN, READ, READ_PRIVATE
from hs_plugins.receipts.service import ReceiptsRole
from hs_plugins.receipts.threads import check_thread

_TYPES: Final = (READ, READ_PRIVATE, FULLY_READ)


class MarkersBody(msgspec.Struct):
    """The body of `POST /read_markers`."""

    fully_read: EventId | None = msgspec.field(name=FULLY_READ, default=None)
    read: EventId | None = msgspec.field(name=READ, default=None)
    read_private: EventId | None = msgspec.field(name=READ_PRIVATE, default=None)


async def post_receipt(role: ReceiptsRole, request: Request) -> Response:
    """Say that one has read up to an event."""
    room_id, event_id, type_ = request.room_id("room_id"), request.event_id("event_id"), request.params["type"]
    if type_ not in _TYPES:
        raise InvalidParam(f"There are no receipts of type {type_!r}")
    thread_id = _thread_id(await request.json_object(allow_empty=True, canonical=False))
    if thread_id is not None and type_ == FULLY_READ:
        raise InvalidParam("A fully read marker has no thread_id")
    user_id = await _member(role, request, room_id)
    if type_ == FULLY_READ:
        await role.mark_fully_read(user_id, room_id, event_id)
    else:
        await _move(role, room_id, Receipt(user_id, type_, event_id, thread_id))
    return empty()


async def post_read_markers(role: ReceiptsRole, request: Request) -> Response:
    """Move several at once."""
    room_id = request.room_id("room_id")
    body = await request.json(MarkersBody)
    user_id = await _member(role, request, room_id)
    for named in (body.fully_read, body.read, body.read_private):
        if named is not None:  # all or nothing, as far as the request is at fault
            await role.event(room_id, parse_event_id(named))
    if body.fully_read is not None:
        await role.mark_fully_read(user_id, room_id, body.fully_read)
    for type_, event_id in ((READ, body.read), (READ_PRIVATE, body.read_private)):
        if event_id is not None:
            await role.receipts.move(room_id, Receipt(user_id, type_, event_id))
    return empty()


async def _move(role: ReceiptsRole, room_id: RoomId, receipt: Receipt) -> None:
    if receipt.thread_id is not None:
        stored = await role.event(room_id, receipt.event_id)
        await check_thread(stored.event, receipt.thread_id, role.rooms.timelines)
    await role.receipts.move(room_id, receipt)


def _thread_id(body: dict[str, Any]) -> str | None:
    """Raises InvalidParam: "It is not a string", "It is empty", or neither `main` nor an event's ID."""
    if "thread_id" not in body:
        return None
    thread_id = body["thread_id"]
    if not isinstance(thread_id, str) or not thread_id:
        raise InvalidParam("thread_id must be a non-empty string")
    return thread_id if thread_id == MAIN else parse_event_id(thread_id)


async def _member(role: ReceiptsRole, request: Request, room_id: RoomId) -> UserId:
    """Who asks. Raises Forbidden unless they are in the room."""
    user_id = request.asker.user_id
    membership = await role.rooms.members.membership(room_id, user_id)
    if membership is None or membership.membership != "join":
        raise Forbidden("You are not in this room")
    return user_id
