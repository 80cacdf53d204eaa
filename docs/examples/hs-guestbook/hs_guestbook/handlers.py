"""HTTP in, one call, JSON out."""

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_guestbook import store
from hs_guestbook.service import GuestbookRole
from hs_guestbook.values import Entry

END_OF_STREAM = 2**63 - 1


class EntryBody(msgspec.Struct):
    """The body of `PUT /_guestbook/v1/{userId}/entry`."""

    text: Annotated[str, msgspec.Meta(min_length=1)]


async def put_entry(role: GuestbookRole, request: Request) -> Response:
    """`PUT /_guestbook/v1/{userId}/entry`: sign a book."""
    body = await request.json(EntryBody)
    position = await role.books.sign(request.user_id("user_id"), request.asker.user_id, body.text)
    return json_response({"entry": position})


async def get_entries(role: GuestbookRole, request: Request) -> Response:
    """`GET /_guestbook/v1/{userId}/entries`: read a book, the newest entry first, before `before`."""
    owner = request.user_id("user_id")
    limit = request.query_int("limit", 1, 100, default=20)
    before = request.query_int("before", 0, END_OF_STREAM, default=END_OF_STREAM)
    found = await role.db.read(lambda tx: store.newest(tx, owner, 0, before - 1, limit))
    page: dict[str, Any] = {"entries": [as_json(entry) for _, entry in found]}
    if len(found) == limit:
        page["next"] = str(found[-1][0])
    return json_response(page)


def as_json(entry: Entry) -> dict[str, Any]:
    """An entry as clients see it."""
    return {"author": entry.author, "text": entry.text, "written_at": entry.written_at}
