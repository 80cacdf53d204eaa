"""A disk that takes no more: 503, nothing half done, and no restart once there is room again."""

from __future__ import annotations

import resource
from pathlib import Path

from hs_core.testing.client import User
from tests.embedded.running import hs_run

_TEXT = {"msgtype": "m.text", "body": "hello"}


async def _send(user: User, room: str, transaction: str) -> tuple[int, str | None, str | None]:
    answer = await user.answer("PUT", f"/rooms/{room}/send/m.room.message/{transaction}", json=_TEXT)
    return answer.status, answer.errcode, answer.headers.get("Retry-After")


async def test_a_full_disk_is_answered_503_and_forgotten_when_there_is_room(tmp_path: Path) -> None:
    async with hs_run(tmp_path, logging={"level": "ERROR"}) as server, server.client() as client:
        user = await client.register()
        room = await user.create_room()
        first = await user.send_text(room, "before")

        usual = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        for transaction in ("1", "2", "1"):
            status, errcode, later = await _send(user, room, transaction)
            assert (status, errcode) == (503, "M_UNKNOWN")
            assert later is not None
        assert (await user.event(room, first))["content"]["body"] == "before", "reading goes on"

        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, usual)
        assert (await _send(user, room, "1"))[0] == 200
        assert await server.stop() == 0
