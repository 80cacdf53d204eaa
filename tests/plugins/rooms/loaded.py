"""A process under load, to be killed: says on its standard output which events it was told are durable.

`python -m tests.plugins.rooms.loaded FOLDER DATABASE_URL`
"""

import asyncio
import sys
from itertools import count
from pathlib import Path

from hs_core.matrix.identifiers import DeviceId, RoomId, UserId
from hs_core.matrix.room_version import V11
from hs_core.testing.homeserver import homeserver
from hs_plugins.rooms.api import ROOMS, Draft, Rooms, new_room
from hs_plugins.rooms.plugin import plugin

USER = UserId("@alice:hs.test")
ROOMS_UNDER_LOAD = 4


def message(number: int) -> Draft:
    """The same for the same number."""
    content = {"body": str(number), "msgtype": "m.text"}
    return Draft(sender=USER, type="m.room.message", content=content, device_id=DeviceId("D"), txn_id=str(number))


async def send_on(rooms: Rooms, room_id: RoomId) -> None:
    """Send messages without end."""
    for number in count():
        sent = await rooms.send(room_id, message(number))
        sys.stdout.write(f"{room_id} {number} {sent.event_id} {sent.position}\n")
        sys.stdout.flush()


async def main(folder: Path, url: str) -> None:
    """Make rooms and send to all of them at once."""
    async with homeserver(folder, url, plugins=[plugin]) as server:
        rooms = server.core.services[ROOMS]
        core = server.core
        async with asyncio.TaskGroup() as group:
            for _ in range(ROOMS_UNDER_LOAD):
                room_id, create = new_room(
                    USER, V11, {}, server_name=core.server_name, signing_key=core.signing_key, clock=core.clock
                )
                join = Draft(sender=USER, type="m.room.member", state_key=USER, content={"membership": "join"})
                await rooms.create_room(room_id, create, [join])
                group.create_task(send_on(rooms, room_id))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
