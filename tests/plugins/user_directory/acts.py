"""What the tests of the user directory do."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from hs_core.testing.client import User
from hs_core.testing.http import path

SEARCH = "/user_directory/search"


def unique(name: str) -> str:
    """A name that no other test's search finds: they all share the server."""
    return f"{name}{uuid4().hex[:10]}"


async def search(user: User, term: str, **options: Any) -> list[str]:
    """The IDs of who is found, in their order."""
    headers = options.pop("headers", None)
    answer = await user.request("POST", SEARCH, json={"search_term": term, **options}, headers=headers)
    return [found["user_id"] for found in answer["results"]]


async def call(user: User, name: str) -> None:
    """Give a user a display name."""
    await user.request("PUT", path("profile", user.user_id, "displayname"), json={"displayname": name})
