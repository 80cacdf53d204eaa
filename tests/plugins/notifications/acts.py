"""What the tests of notifications do and ask, in few words."""

from __future__ import annotations

from typing import Any

from hs_core.testing.client import User
from hs_core.testing.http import Json, path
from hs_core.testing.sync import Sync

PER_THREAD = {"room": {"timeline": {"unread_thread_notifications": True}}}


async def room_of(*users: User, **options: Any) -> str:
    room = await users[0].create_room(**{"preset": "public_chat", **options})
    for user in users[1:]:
        await user.join(room)
    return room


async def mention(sender: User, room: str, *users: User) -> str:
    content = {"msgtype": "m.text", "body": "you", "m.mentions": {"user_ids": [user.user_id for user in users]}}
    return await sender.send(room, "m.room.message", content)


async def in_thread(sender: User, room: str, root: str, **content: Any) -> str:
    relates_to = {"rel_type": "m.thread", "event_id": root}
    return await sender.send(
        room, "m.room.message", {"msgtype": "m.text", "body": "in the thread", **content, "m.relates_to": relates_to}
    )


async def reads(user: User, room: str, event: str, type_: str = "m.read", **body: Any) -> None:
    await user.request("POST", path("rooms", room, "receipt", type_, event), json=body)


def counts(sync: Sync, room: str) -> tuple[int, int] | None:
    """Notifications and highlights of a room, if they are told."""
    return _pair(sync.rooms().get(room, {}).get("unread_notifications"))


def thread_counts(sync: Sync, room: str) -> dict[str, tuple[int, int] | None]:
    threads: dict[str, Json] = sync.rooms().get(room, {}).get("unread_thread_notifications", {})
    return {thread: _pair(told) for thread, told in threads.items()}


async def unread(user: User, room: str, **query: Any) -> tuple[int, int] | None:
    """What a client is told that knows nothing yet."""
    return counts(await user.sync(**query), room)


async def listed(user: User, **params: str) -> list[Json]:
    found: list[Json] = (await user.request("GET", "/notifications", params=params))["notifications"]
    return found


def _pair(told: Json | None) -> tuple[int, int] | None:
    return None if told is None else (told["notification_count"], told["highlight_count"])
