"""A database that is away: every route answers 503 if it needs it, and goes on as before once it is back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import orjson
import pytest
from structlog.testing import capture_logs

from hs_core.db import Database, DatabaseUnavailable
from hs_core.plugin.declaration import Auth
from hs_core.testing.client import Client
from hs_core.testing.faults import failing_reads, failing_writes
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Answer
from tests.hostile.bodies import sample
from tests.hostile.doors import Door, Visitor, doors

AWAY = DatabaseUnavailable("the database is away")


async def _knock(visitor: Visitor, door: Door) -> Answer:
    data = orjson.dumps(sample(door.said)) if door.takes_body else None
    return await visitor.user.answer(door.method, door.path(visitor.names) + "?timeout=0", data=data)


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
@pytest.mark.parametrize("failing", [failing_reads, failing_writes])
async def test_without_a_database_nobody_is_told_of_a_failure_of_ours(
    server: Homeserver, failing: Callable[[Database, Exception], AbstractContextManager[None]]
) -> None:
    async with Client(server.url, shared_secret=server.shared_secret) as client:
        reader = await Visitor.arrive(client, Auth.ADMIN)
        visits = [
            (reader if door.method == "GET" else await Visitor.arrive(client, Auth.ADMIN), door) for door in doors()
        ]
        with failing(server.core.db, AWAY), capture_logs() as logged:
            answers = [await _knock(visitor, door) for visitor, door in visits]
        assert await reader.user.send_text(await reader.user.create_room(), "back again")

    assert [line for line in logged if line["event"] == "request failed"] == []
    refused = [answer for answer in answers if answer.status >= 500]
    assert [answer for answer in refused if (answer.status, answer.errcode) != (503, "M_UNKNOWN")] == []
    assert all("Retry-After" in answer.headers for answer in refused)
    assert len(refused) > len(answers) // 10, "some did need it"
