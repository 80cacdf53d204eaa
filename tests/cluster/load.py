"""People who talk in rooms and sync, at whichever process they find, and repeat what was not answered."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Any, Final, Protocol

import aiohttp
import orjson

from hs_core.streams.token import parse_token
from hs_core.testing.client import Client, User
from hs_core.testing.http import CLIENT_API, Json, path

PATIENCE: Final = 10.0
"""Seconds within which whatever is asked is done, whichever process has just died."""
ATTEMPT: Final = 4.0
"""Seconds after which a client takes a process for dead that says nothing, and asks another one."""
AGAIN: Final = 0.1
"""Seconds between two attempts."""
PAUSE: Final = 0.25
"""Seconds between two acts of the same kind."""
POLL_MS: Final = 1_000
EVERYTHING: Final = orjson.dumps({"room": {"timeline": {"limit": 1000}}}).decode()


@dataclass
class Patience:
    """How long everybody asks for one thing before they fail."""

    seconds: float = PATIENCE


@dataclass
class Person:
    """Somebody with one device, which asks the processes in turn."""

    user: User
    urls: Callable[[], Sequence[str]]
    failures: Counter[str]
    """Answers that were none, in words."""
    patience: Patience
    attempts: int = 0
    """How often anything was asked."""
    slowest: float = 0.0
    """Seconds that anything took until it was done."""
    _turns: count[int] = field(default_factory=count)

    @property
    def user_id(self) -> str:
        return self.user.user_id

    async def ask(self, method: str, where: str, *, body: Json | None = None, query: Mapping[str, str] = {}) -> Json:
        """Ask until it is answered. Fails if that takes longer than it may, or is refused."""
        began = time.monotonic()
        failures: list[str] = []
        for turn in count(next(self._turns)):
            urls = self.urls()
            answer = await self._attempt(urls[turn % len(urls)], method, where, body, query)
            took = time.monotonic() - began
            if isinstance(answer, dict):
                self.slowest = max(self.slowest, took)
                return answer
            failures.append(answer)
            self.failures[answer] += 1
            assert took < self.patience.seconds, f"{method} {where} by {self.user_id} is not answered: {failures}"
            await asyncio.sleep(AGAIN)
        raise AssertionError("one could count for ever")

    async def _attempt(
        self, url: str, method: str, where: str, body: Json | None, query: Mapping[str, str]
    ) -> Json | str:
        """The answer of one process, or why there was none."""
        self.attempts += 1
        wait = ATTEMPT + int(query.get("timeout", 0)) / 1000
        try:
            async with self.user.session.request(
                method,
                url + (where if where.startswith("/_") else CLIENT_API + where),
                json=body,
                params=query,
                headers={"Authorization": f"Bearer {self.user.access_token}"},
                timeout=aiohttp.ClientTimeout(total=wait),
            ) as response:
                said = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__
        if response.status >= 500:
            assert response.status == 503, (method, where, response.status, said)
            assert int(response.headers["Retry-After"]) > 0
            return f"503 {said.decode()}"
        assert response.status == 200, (method, where, response.status, said)
        answer: Json = orjson.loads(said)
        return answer


@dataclass
class Reader:
    """Syncs for ever, and remembers what it was shown of each room."""

    person: Person
    rooms: Sequence[str]
    """Those that it looks at."""
    seen: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Texts by room, as they came."""
    watchers: list[Callable[[Json], None]] = field(default_factory=list)
    """Shown every response."""
    token: str | None = None

    async def begin(self) -> None:
        """Note where the stream stands."""
        self.token = (await self.person.ask("GET", "/sync", query={"filter": EVERYTHING}))["next_batch"]

    async def sync(self) -> Json:
        """One /sync from where the last one ended, and again from there until it is answered."""
        assert self.token is not None
        query = {"since": self.token, "timeout": str(POLL_MS), "filter": EVERYTHING}
        answer = await self.person.ask("GET", "/sync", query=query)
        joined = answer.get("rooms", {}).get("join", {})
        for room in self.rooms:
            timeline = joined.get(room, {}).get("timeline", {"events": []})
            if timeline.get("limited"):
                self.seen[room] += await self._missed(room, timeline["prev_batch"])
            self.seen[room] += [text for event in timeline["events"] if (text := _text(event)) is not None]
        self._go_on(answer["next_batch"])
        for watcher in self.watchers:
            watcher(answer)
        return answer

    def _go_on(self, token: str) -> None:
        """From here. Whichever process answers, a token is nowhere before the one that it was asked with: else what
        lies between would stand for something else the second time.
        """
        before, after = parse_token(self.token or token), parse_token(token)
        fallen = {key: (position, after.get(key)) for key, position in before.items() if after.get(key, 0) < position}
        assert not fallen, f"{self.person.user_id} was sent back by {token}: {fallen}"
        self.token = token

    async def _missed(self, room: str, prev_batch: str) -> list[str]:
        """What was said between the last sync and a timeline that was too long for one."""
        known, found = set(self.seen[room]), []
        query = {"from": prev_batch, "dir": "b", "limit": "1000"}
        while True:
            page = await self.person.ask("GET", path("rooms", room, "messages"), query=query)
            texts = [text for event in page["chunk"] if (text := _text(event)) is not None]
            found += list(takewhile(lambda text: text not in known, texts))
            if not known.isdisjoint(texts) or "end" not in page:
                return found[::-1]
            query["from"] = page["end"]

    async def sync_until(self, condition: Callable[[], bool]) -> None:
        """Sync on until that is so."""
        async with asyncio.timeout(self.person.patience.seconds):
            while not condition():
                await self.sync()

    async def run(self, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            await self.sync()


class Act(Protocol):
    """Something that people do over and over, and what must have come of it."""

    async def once(self) -> None:
        """Do it once more."""

    async def check(self) -> None:
        """All that was done is there. Called when nobody does anything any more."""


class Talk:
    """One person's messages in one room: the texts are their own transaction IDs."""

    def __init__(self, room: str, person: Person, numbers: count[int]) -> None:
        self.room = room
        self.acknowledged: dict[str, str] = {}
        """Event IDs by text."""
        self._person = person
        self._numbers = numbers

    async def once(self) -> None:
        text = f"m{next(self._numbers)}"
        where = path("rooms", self.room, "send", "m.room.message", text)
        answer = await self._person.ask("PUT", where, body={"msgtype": "m.text", "body": text})
        self.acknowledged[text] = answer["event_id"]

    async def check(self) -> None:
        """See `Load.check`, which looks at whole rooms."""


@dataclass
class Load:
    """A steady load: everybody does what there is to do, and syncs."""

    rooms: list[str]
    people: list[Person]
    readers: list[Reader]
    acts: list[Act]
    failures: Counter[str]
    patience: Patience
    _done: Counter[int] = field(default_factory=Counter)
    """How often each of the acts was done, by its place."""
    _progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    @classmethod
    async def begin(cls, urls: Callable[[], Sequence[str]], client: Client, *, rooms: int, people: int = 3) -> Load:
        """Everybody is in all of the rooms, and talks there."""
        users = [await client.register() for _ in range(people)]
        failures, patience = Counter[str](), Patience()
        persons = [Person(user, urls, failures, patience) for user in users]
        load = cls([], persons, [], [], failures, patience)
        for number in range(rooms):
            owner = users[number % people]
            load.rooms.append(await owner.create_room(preset="public_chat"))
            for user in users:
                if user is not owner:
                    await user.join(load.rooms[-1])
        numbers = count()
        load.acts += [Talk(room, person, numbers) for room in load.rooms for person in persons]
        load.readers += [Reader(person, load.rooms) for person in persons]
        for reader in load.readers:
            await reader.begin()
        return load

    @property
    def slowest(self) -> float:
        """Seconds that the slowest of all requests took, repetitions included, since this was last set to zero."""
        return max(person.slowest for person in self.people)

    def forget_slowest(self) -> None:
        """Begin to measure anew."""
        self.failures.clear()
        for person in self.people:
            person.slowest = 0.0

    def said(self) -> dict[str, list[str]]:
        """What was said in each room and acknowledged by now."""
        return {room: list(self._acknowledged(room)) for room in self.rooms}

    def all_have_seen(self, said: Mapping[str, Sequence[str]]) -> bool:
        """Whether all readers have been shown that."""
        return all(set(texts) <= set(reader.seen[room]) for reader in self.readers for room, texts in said.items())

    async def until_failed(self, times: int) -> None:
        """Return when so many requests have not been answered since the failures were cleared."""
        while self.failures.total() < times:  # noqa: ASYNC110  # they are of many tasks
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Everybody is busy for as long as the block lasts; at its end, what was begun is finished."""
        stopped = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for place in range(len(self.acts)):
                group.create_task(self._repeat(place, stopped))
            for reader in self.readers:
                group.create_task(reader.run(stopped))
            try:
                yield
            finally:
                stopped.set()

    async def more(self, times: int = 1) -> None:
        """Return when everything has been done so many times more, from its beginning on."""
        wanted = {place: self._done[place] + times + 1 for place in range(len(self.acts))}  # one was under way already
        async with self._progress:
            await self._progress.wait_for(lambda: all(self._done[place] >= least for place, least in wanted.items()))

    async def _repeat(self, place: int, stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            await self.acts[place].once()
            async with self._progress:
                self._done[place] += 1
                self._progress.notify_all()
            await asyncio.sleep(PAUSE)

    async def check(self) -> None:
        """Whatever was acknowledged is there once, and everybody has been shown it once, in its order."""
        for room in self.rooms:
            history = await self._history(room)
            texts = [text for _, text in history]
            assert [text for text, times in Counter(texts).items() if times > 1] == []
            assert {text: event for event, text in history} == self._acknowledged(room)
            for reader in self.readers:
                seen = reader.seen[room]
                await reader.sync_until(lambda seen=seen, texts=texts: len(seen) >= len(texts))  # type: ignore[misc]
                assert seen == texts, f"{reader.person.user_id} in {room}"
        for act in self.acts:
            await act.check()

    def _acknowledged(self, room: str) -> dict[str, str]:
        talks = [act for act in self.acts if isinstance(act, Talk) and act.room == room]
        return {text: event for talk in talks for text, event in talk.acknowledged.items()}

    async def _history(self, room_id: str) -> list[tuple[str, str]]:
        """Event IDs and texts, the oldest first."""
        found: list[tuple[str, str]] = []
        query = {"limit": "1000", "dir": "b"}
        while True:
            page = await self.people[0].ask("GET", path("rooms", room_id, "messages"), query=query)
            found += [(event["event_id"], text) for event in page["chunk"] if (text := _text(event)) is not None]
            if "end" not in page:
                return found[::-1]
            query["from"] = page["end"]


def _text(event: Json) -> Any:
    return event["content"]["body"] if event["type"] == "m.room.message" else None
