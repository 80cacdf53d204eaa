"""What the tests of the search do."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from hs_core.testing.client import User

SEARCH = "/search"


def unique() -> str:
    """A word that no other test says: they all share the server."""
    return f"w{uuid4().hex[:12]}"


async def search(user: User, term: str, *, batch: str | None = None, **criteria: Any) -> dict[str, Any]:
    """The results in the category `room_events`."""
    body = {"search_categories": {"room_events": {"search_term": term, **criteria}}}
    params = {"next_batch": batch} if batch is not None else None
    answer = await user.request("POST", SEARCH, json=body, params=params)
    found: dict[str, Any] = answer["search_categories"]["room_events"]
    return found


def ids(found: dict[str, Any]) -> list[str]:
    """The IDs of the events that were found."""
    return [each["result"]["event_id"] for each in found["results"]]


async def find(user: User, term: str, **criteria: Any) -> list[str]:
    """The same of a search, the most recent first."""
    return ids(await search(user, term, **{"order_by": "recent", **criteria}))
