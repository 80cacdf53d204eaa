"""What a user does in rooms, one method per endpoint. Each returns what the server calls the result."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from hs_core.testing.http import Caller, Json, path

_transactions = count(1)


def next_transaction_id() -> str:
    """A transaction ID that no other request of this process has used."""
    return f"t{next(_transactions)}"


class RoomActs(Caller):
    """Client-server API, "Rooms" and "Room membership": the writing half."""

    async def create_room(self, **options: Any) -> str:
        """Create a room with the options of `POST /createRoom` (preset, invite, initial_state, ...); return its ID."""
        room: str = (await self.request("POST", "/createRoom", json=options))["room_id"]
        return room

    async def join(self, room_id_or_alias: str, *, via: Sequence[str] = ()) -> str:
        """Join, by ID or alias, over the servers `via` if need be; return the room's ID."""
        query = "".join(f"{'&' if i else '?'}via={server}" for i, server in enumerate(via))
        room: str = (await self.request("POST", path("join", room_id_or_alias) + query, json={}))["room_id"]
        return room

    async def knock(self, room: str, reason: str | None = None) -> None:
        """Ask to be let in."""
        await self.request("POST", path("knock", room), json=_because(reason))

    async def invite(self, room: str, user: str, reason: str | None = None) -> None:
        """Invite the user with that ID."""
        await self._act_on(room, "invite", user, reason)

    async def kick(self, room: str, user: str, reason: str | None = None) -> None:
        """Make somebody leave."""
        await self._act_on(room, "kick", user, reason)

    async def ban(self, room: str, user: str, reason: str | None = None) -> None:
        """Make somebody leave and keep them out."""
        await self._act_on(room, "ban", user, reason)

    async def unban(self, room: str, user: str, reason: str | None = None) -> None:
        """Lift a ban."""
        await self._act_on(room, "unban", user, reason)

    async def leave(self, room: str, reason: str | None = None) -> None:
        """Leave, or refuse an invite."""
        await self.request("POST", path("rooms", room, "leave"), json=_because(reason))

    async def send(self, room: str, event_type: str, content: Json, *, transaction: str | None = None) -> str:
        """Send a message event; return its ID. The same `transaction` twice is one event."""
        where = path("rooms", room, "send", event_type, transaction or next_transaction_id())
        event: str = (await self.request("PUT", where, json=content))["event_id"]
        return event

    async def send_text(self, room: str, text: str) -> str:
        """Say something; return the event's ID."""
        return await self.send(room, "m.room.message", {"msgtype": "m.text", "body": text})

    async def send_state(self, room: str, event_type: str, content: Json, state_key: str = "") -> str:
        """Set a piece of state; return the event's ID."""
        event: str = (await self.request("PUT", _state(room, event_type, state_key), json=content))["event_id"]
        return event

    async def redact(self, room: str, event: str, reason: str | None = None) -> str:
        """Redact an event; return the ID of the redaction."""
        where = path("rooms", room, "redact", event, next_transaction_id())
        redaction: str = (await self.request("PUT", where, json=_because(reason)))["event_id"]
        return redaction

    async def _act_on(self, room: str, act: str, user: str, reason: str | None) -> None:
        await self.request("POST", path("rooms", room, act), json={"user_id": user} | _because(reason))


class RoomReads(Caller):
    """Client-server API, "Getting events for a room"."""

    async def event(self, room: str, event: str) -> Json:
        """One event in client format."""
        found: Json = await self.request("GET", path("rooms", room, "event", event))
        return found

    async def state(self, room: str) -> list[Json]:
        """The whole current state, as events."""
        events: list[Json] = await self.request("GET", path("rooms", room, "state"))
        return events

    async def state_content(self, room: str, event_type: str, state_key: str = "") -> Json:
        """The content of one piece of state; the test fails if there is none."""
        content: Json = await self.request("GET", _state(room, event_type, state_key))
        return content

    async def joined_members(self, room: str) -> Json:
        """Profiles of the joined members by user ID."""
        joined: Json = (await self.request("GET", path("rooms", room, "joined_members")))["joined"]
        return joined

    async def members(self, room: str, **query: str) -> dict[str, str]:
        """Membership by user ID, from `GET /members` (membership, not_membership, at)."""
        chunk = (await self.request("GET", path("rooms", room, "members"), params=query))["chunk"]
        return {event["state_key"]: event["content"]["membership"] for event in chunk}

    async def messages(self, room: str, *, backwards: bool = True, **query: str) -> Json:
        """A page of history: `chunk`, `start`, perhaps `end` and `state`."""
        params = {"dir": "b" if backwards else "f"} | query
        page: Json = await self.request("GET", path("rooms", room, "messages"), params=params)
        return page


def _because(reason: str | None) -> Json:
    return {} if reason is None else {"reason": reason}


def _state(room: str, event_type: str, state_key: str) -> str:
    return path("rooms", room, "state", event_type, state_key)
