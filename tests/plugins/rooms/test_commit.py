"""Group commit: many rooms in one transaction, each room's changes in their order, failures where they belong."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from hs_core.cluster.leases import NotOwner
from hs_core.db import ConstraintViolated, DatabaseUnavailable
from hs_core.matrix.identifiers import RoomId
from hs_core.testing.clock import TestClock
from hs_plugins.rooms import commit
from hs_plugins.rooms.change import RoomChange
from hs_plugins.rooms.commit import Committer

GOOD, BAD = RoomId("!good:hs.test"), RoomId("!bad:hs.test")


class Writer:
    """Writes everything but what concerns rooms that have an error."""

    def __init__(self, errors: dict[RoomId, Exception]) -> None:
        self.errors = errors
        self.written: list[Sequence[str]] = []

    async def write(self, keys: Sequence[str], work: Any) -> dict[str, int]:
        await asyncio.sleep(0)
        for key in keys:
            if error := self.errors.get(RoomId(key)):
                raise error
        self.written.append(keys)
        return {}

    def not_owner(self, key: str) -> NotOwner:
        return NotOwner("events", [1])


@asynccontextmanager
async def committing(writer: Writer) -> AsyncIterator[tuple[Committer, set[RoomId]]]:
    """A committer at work, and the rooms that it says are to be loaded again."""
    committer = Committer(writer, TestClock())  # type: ignore[arg-type]  # all that it uses of a writer
    lost: set[RoomId] = set()
    committer.on_failure = lost.update
    running = asyncio.create_task(committer.run())
    yield committer, lost
    running.cancel()


async def test_what_is_submitted_together_is_written_together_and_in_order() -> None:
    writer = Writer({})
    async with committing(writer) as (committer, _):
        await asyncio.gather(*(committer.submit(RoomChange(RoomId(f"!{n}:x"))) for n in range(5)))
    assert writer.written == [[f"!{n}:x" for n in range(5)]]


@pytest.mark.parametrize("error", [ConstraintViolated("twice"), NotOwner("events", [1])])
async def test_one_room_that_cannot_be_stored_does_not_stop_the_others(error: Exception) -> None:
    writer = Writer({BAD: error})
    async with committing(writer) as (committer, lost):
        sent = [committer.submit(RoomChange(room_id)) for room_id in (GOOD, BAD, GOOD, BAD)]
        results = await asyncio.gather(*sent, return_exceptions=True)
    assert results == [{}, error, {}, error]
    assert lost == {BAD}
    assert writer.written == [[GOOD], [GOOD]]


async def test_what_builds_upon_a_failure_fails_as_well() -> None:
    writer = Writer({BAD: ConstraintViolated("twice")})
    async with committing(writer) as (committer, _):
        first = committer.submit(RoomChange(BAD))
        await asyncio.sleep(0)
        second = committer.submit(RoomChange(BAD))
        with pytest.raises(ConstraintViolated):
            await first
        writer.errors.clear()
        with pytest.raises(ConstraintViolated):
            await second
    assert writer.written == []


async def test_while_the_database_is_away_everything_fails_at_once() -> None:
    writer = Writer({BAD: DatabaseUnavailable("away")})
    async with committing(writer) as (committer, lost):
        sent = [committer.submit(RoomChange(room_id)) for room_id in (GOOD, BAD)]
        results = await asyncio.gather(*sent, return_exceptions=True)
        assert all(isinstance(result, DatabaseUnavailable) for result in results)
        assert lost == {GOOD, BAD}
        writer.errors.clear()
        assert await committer.submit(RoomChange(GOOD)) == {}


def said(sender: str, room_id: RoomId) -> RoomChange:
    """A change with an event by somebody."""
    return RoomChange(room_id, events=[SimpleNamespace(event=SimpleNamespace(sender=sender))])  # type: ignore[list-item]


async def test_where_several_speak_the_next_group_waits_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "GATHERING_SECONDS", 0.5)
    writer = Writer({})
    async with committing(writer) as (committer, _):
        await committer.submit(said("@a:x", GOOD))
        later = []
        for sender in "bcd":
            later.append(committer.submit(said(f"@{sender}:x", BAD)))
            await asyncio.sleep(0.01)
        await asyncio.gather(*later)
    assert writer.written == [[GOOD], [BAD] * 3]


async def test_who_speaks_alone_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "GATHERING_SECONDS", 3600.0)
    writer = Writer({})
    async with committing(writer) as (committer, _), asyncio.timeout(20):
        for _ in range(3):
            await committer.submit(said("@a:x", GOOD))
    assert len(writer.written) == 3


async def test_what_is_given_up_while_the_group_gathers_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "GATHERING_SECONDS", 0.1)
    writer = Writer({})
    async with committing(writer) as (committer, lost):
        await committer.submit(said("@a:x", GOOD))
        second = committer.submit(said("@b:x", BAD))
        await asyncio.sleep(0)
        committer.give_up(lambda room_id: room_id == BAD)
        with pytest.raises(NotOwner):
            await second
        await committer.submit(said("@c:x", GOOD))
    assert lost == {BAD}
    assert writer.written == [[GOOD], [GOOD]]
