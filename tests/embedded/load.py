"""People who send, join and sync until the server is gone, and remember what it told them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import aiohttp

from hs_core.testing.client import Client, User
from hs_core.testing.http import Json, path

_ALL = {"room": {"timeline": {"limit": 1000}}}
_LINES = 3
"""How many messages each sender has under way at once."""


@dataclass
class Load:
    """What was asked and what was answered; `people` go on as others when the server has another address."""

    people: list[User]
    room: str
    asked: dict[str, User] = field(default_factory=dict)
    """Who sent the message with that transaction ID, which is also its text."""
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Event IDs by transaction ID."""
    joined: set[str] = field(default_factory=set)
    """Rooms that the second person has joined."""
    seen: list[str] = field(default_factory=list)
    """Texts that the last person was shown by /sync, as they came."""
    token: str = ""
    """From where that person syncs on."""
    _numbers: count[int] = field(default_factory=count)

    @classmethod
    async def begin(cls, client: Client) -> Load:
        """Three people in a room."""
        people = [await client.register() for _ in range(3)]
        room = await people[0].create_room(preset="public_chat")
        for person in people[1:]:
            await person.join(room)
        load = cls(people, room)
        load.token = (await people[-1].sync()).next_batch
        return load

    async def until_killed(self, killing: asyncio.Event, after: int) -> None:
        """Go on until the server is gone; `killing` is set at the moment when `after` more sends are acknowledged."""
        enough = len(self.acknowledged) + after
        tasks = [self._send(person, killing, enough) for person in self.people for _ in range(_LINES)]
        await asyncio.gather(*tasks, self._join(), self._sync())

    async def _send(self, sender: User, killing: asyncio.Event, enough: int) -> None:
        try:
            while True:
                text = f"m{next(self._numbers)}"
                self.asked[text] = sender
                self.acknowledged[text] = await self.say(sender, text)
                if len(self.acknowledged) >= enough:
                    killing.set()
        except aiohttp.ClientError:
            return

    async def say(self, sender: User, text: str) -> str:
        """Send, or send again, the message of that transaction."""
        return await sender.send(self.room, "m.room.message", {"msgtype": "m.text", "body": text}, transaction=text)

    async def _join(self) -> None:
        owner, joiner = self.people[:2]
        try:
            while True:
                room = await owner.create_room(preset="public_chat")
                self.joined.add(await joiner.join(room))
        except aiohttp.ClientError:
            return

    async def _sync(self) -> None:
        try:
            while True:
                await self.sync_on()
        except aiohttp.ClientError:
            return

    async def sync_on(self) -> None:
        """One /sync from where the last one ended."""
        sync = await self.people[-1].sync(self.token, timeout=5_000, filter=_ALL)
        if self.room in sync.rooms():
            assert not sync.rooms()[self.room]["timeline"]["limited"]
            self.seen += sync.texts(self.room)
        self.token = sync.next_batch

    def move_to(self, client: Client) -> None:
        """Everybody goes on with the tokens that they have, at the server's new address."""
        self.people = [User(client, person.login, person.password) for person in self.people]
        by_id = {person.user_id: person for person in self.people}
        self.asked = {text: by_id[person.user_id] for text, person in self.asked.items()}

    async def in_room(self) -> Counter[str]:
        """How often each text is in the room's history."""
        texts: Counter[str] = Counter()
        query = {"limit": "1000", "dir": "b"}
        while True:
            page: Json = await self.people[0].request("GET", path("rooms", self.room, "messages"), params=query)
            texts.update(event["content"]["body"] for event in page["chunk"] if event["type"] == "m.room.message")
            if "end" not in page:
                return texts
            query["from"] = page["end"]
