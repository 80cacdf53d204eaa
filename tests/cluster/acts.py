"""What people do besides talking: each is a stream of its own, with an owner that may die."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import replace
from itertools import count
from typing import Any

from hs_core.testing.http import Json, path
from tests.cluster.load import Person, Reader


class Whispers:
    """Numbered messages of one person to the device of another: each arrives once, in order."""

    def __init__(self, sender: Person, reader: Reader) -> None:
        self._sender = sender
        self._reader = reader
        self._sent = 0
        self._heard: list[int] = []
        reader.watchers.append(self._look)

    async def once(self) -> None:
        to = self._reader.person.user
        where = path("sendToDevice", "test.whisper", f"whisper-{self._sent}-{to.localpart}")
        await self._sender.ask("PUT", where, body={"messages": {to.user_id: {to.device_id: {"number": self._sent}}}})
        self._sent += 1

    async def check(self) -> None:
        await self._reader.sync_until(lambda: len(self._heard) >= self._sent)
        assert self._heard == list(range(self._sent))

    def _look(self, sync: Json) -> None:
        for event in sync.get("to_device", {}).get("events", []):
            if event["type"] == "test.whisper" and event["sender"] == self._sender.user_id:
                self._heard.append(event["content"]["number"])


class Making:
    """Somebody makes rooms. None is made twice, but by clients that ask twice: that is how `createRoom` is."""

    def __init__(self, maker: Person) -> None:
        self._maker = replace(maker, attempts=0)
        self._before: set[str] | None = None
        self._made: set[str] = set()
        self._asked = 0

    async def once(self) -> None:
        if self._before is None:
            self._before = await self._joined()
        before = self._maker.attempts
        self._made.add((await self._maker.ask("POST", "/createRoom", body={}))["room_id"])
        self._asked += self._maker.attempts - before

    async def check(self) -> None:
        assert self._before is not None
        new = await self._joined() - self._before
        assert self._made <= new
        assert len(new) <= self._asked

    async def _joined(self) -> set[str]:
        return set((await self._maker.ask("GET", "/joined_rooms"))["joined_rooms"])


class Supply:
    """One device's one-time keys, which others claim: no key is ever given to two of them."""

    def __init__(self, owner: Person) -> None:
        self.owner = owner
        self.given: list[str] = []
        self._numbers = count()

    async def upload(self, keys: int) -> None:
        """So many keys more."""
        numbers = [next(self._numbers) for _ in range(keys)]
        one_time = {f"curve25519:{number}": f"key number {number}" for number in numbers}
        await self.owner.ask("POST", "/keys/upload", body={"one_time_keys": one_time})


class Claims:
    """Somebody who claims keys of a device, and has it bring more now and then."""

    def __init__(self, claimer: Person, supply: Supply) -> None:
        self._claimer = claimer
        self._supply = supply

    async def once(self) -> None:
        owner = self._supply.owner.user
        wanted = {owner.user_id: {owner.device_id: "curve25519"}}
        answer = await self._claimer.ask("POST", "/keys/claim", body={"one_time_keys": wanted})
        keys: Json = answer["one_time_keys"].get(owner.user_id, {}).get(owner.device_id, {})
        self._supply.given += keys
        if not keys:
            await self._supply.upload(20)

    async def check(self) -> None:
        assert len(set(self._supply.given)) == len(self._supply.given), "a key was given out twice"


class Newest(ABC):
    """A number that grows: whoever syncs sees it grow, never fall, and in the end the last that was acknowledged."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._said = 0
        self._seen = [0]
        reader.watchers.append(self._look)

    async def once(self) -> None:
        await self._say(self._said + 1)
        self._said += 1

    async def check(self) -> None:
        await self._reader.sync_until(lambda: self._seen[-1] >= self._said)
        assert self._seen == sorted(self._seen)

    @abstractmethod
    async def _say(self, number: int) -> None: ...

    @abstractmethod
    def _number(self, sync: Json) -> int | None: ...

    def _look(self, sync: Json) -> None:
        if (number := self._number(sync)) is not None:
            self._seen.append(number)


class AccountData(Newest):
    """A person's own account data."""

    async def _say(self, number: int) -> None:
        where = self._reader.person.user.path("account_data", "test.number")
        await self._reader.person.ask("PUT", where, body={"number": number})

    def _number(self, sync: Json) -> int | None:
        return _content(sync.get("account_data"), "test.number").get("number")


class PushRules(Newest):
    """A rule of a person's own, whose sound changes."""

    async def _say(self, number: int) -> None:
        actions: list[Any] = ["notify", {"set_tweak": "sound", "value": str(number)}]
        await self._reader.person.ask(
            "PUT", path("pushrules", "global", "content", "test"), body={"pattern": "test", "actions": actions}
        )

    def _number(self, sync: Json) -> int | None:
        rules = _content(sync.get("account_data"), "m.push_rules").get("global", {}).get("content", [])
        return next((int(rule["actions"][1]["value"]) for rule in rules if rule["rule_id"] == "test"), None)


class Presence:
    """What somebody says of themself. That is not kept as well as other things are, but others go on to hear of it."""

    def __init__(self, sayer: Person, reader: Reader) -> None:
        self._sayer = sayer
        self._reader = reader
        self._said = 0
        self._shown = 0
        reader.watchers.append(self._look)

    async def once(self) -> None:
        self._said += 1
        body = {"presence": "online", "status_msg": f"{self._said}"}
        await self._sayer.ask("PUT", path("presence", self._sayer.user_id, "status"), body=body)

    async def check(self) -> None:
        await self.once()
        await self._reader.sync_until(lambda: self._shown == self._said)

    def _look(self, sync: Json) -> None:
        for event in sync.get("presence", {}).get("events", []):
            if event["sender"] == self._sayer.user_id and "status_msg" in event["content"]:
                self._shown = int(event["content"]["status_msg"])


class Typing:
    """Somebody types and stops: in the end nobody is shown as typing."""

    def __init__(self, typist: Person, reader: Reader, room: str) -> None:
        self._typist = typist
        self._reader = reader
        self._room = room
        self._shown: list[str] = []
        self.changes = 0
        reader.watchers.append(self._look)

    async def once(self) -> None:
        await self._type(True)
        await asyncio.sleep(0.2)
        await self._type(False)

    async def check(self) -> None:
        await self._reader.sync_until(lambda: self._typist.user_id not in self._shown)
        assert self.changes > 1

    async def _type(self, typing: bool) -> None:
        where = path("rooms", self._room, "typing", self._typist.user_id)
        await self._typist.ask("PUT", where, body={"typing": typing} | ({"timeout": 20_000} if typing else {}))

    def _look(self, sync: Json) -> None:
        room = sync.get("rooms", {}).get("join", {}).get(self._room, {})
        if "user_ids" in (content := _content(room.get("ephemeral"), "m.typing")):
            self._shown = content["user_ids"]
            self.changes += 1


class Reading:
    """Somebody reads the newest message of a room, and in the end everybody sees where they have come to."""

    def __init__(self, person: Person, reader: Reader, room: str) -> None:
        self._person = person
        self._reader = reader
        self._room = room
        self._newest: str | None = None
        self._read: str | None = None
        self._seen: str | None = None
        reader.watchers.append(self._look)

    async def once(self) -> None:
        if (newest := self._newest) is not None:
            await self._person.ask("POST", path("rooms", self._room, "receipt", "m.read", newest), body={})
            self._read = newest

    async def check(self) -> None:
        assert self._read is not None
        await self._reader.sync_until(lambda: self._seen == self._read)

    def _look(self, sync: Json) -> None:
        room = sync.get("rooms", {}).get("join", {}).get(self._room, {})
        if events := room.get("timeline", {}).get("events"):
            self._newest = events[-1]["event_id"]
        for event, kinds in _content(room.get("ephemeral"), "m.receipt").items():
            if self._person.user_id in kinds.get("m.read", {}):
                self._seen = event


class Renaming:
    """Somebody's device gets another name each time that others were told to look at the list again."""

    def __init__(self, person: Person, reader: Reader) -> None:
        self._person = person
        self._reader = reader
        self._names = count()
        self._told = True
        reader.watchers.append(self._look)

    async def once(self) -> None:
        if self._told:
            self._told = False
            where = path("devices", self._person.user.device_id)
            await self._person.ask("PUT", where, body={"display_name": f"name {next(self._names)}"})

    async def check(self) -> None:
        await self._reader.sync_until(lambda: self._told)
        assert next(self._names) > 1

    def _look(self, sync: Json) -> None:
        self._told = self._told or self._person.user_id in sync.get("device_lists", {}).get("changed", [])


def _content(part: Json | None, event_type: str) -> Json:
    """The content of the last event of a type in a part of a response."""
    found: dict[str, Json] = defaultdict(dict)
    for event in (part or {}).get("events", []):
        found[event["type"]] = event["content"]
    return found[event_type]
