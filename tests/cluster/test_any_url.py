"""Any URL at any process: whatever a cluster is asked, and wherever, it answers as a single process does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

import pytest

from hs_core.http.routes import Claim, Literal, Segment, Tail, claims_of, expand
from hs_core.plugin import Auth
from hs_core.plugin.discovery import discover
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import Homeserver, homeserver
from hs_core.testing.http import Answer

METHODS = ("GET", "POST", "PUT", "DELETE")
LAST = ("logout", "deactivate", "password", "delete_devices", "devices")
"""What ends the account or its tokens is asked at the end."""
SOONER_OR_LATER = {"last_seen_ip", "last_seen_ts"}
"""Where a device was seen is noted every few seconds."""
SPELLINGS = 2
"""Of each route at most so many: the others differ in their version only."""

Asked = tuple[str, str]
Told = tuple[int, str | None, Any]

only_the_cluster = pytest.mark.parametrize("server", ["cluster"], indirect=True, scope="session")


def paths() -> Iterator[tuple[list[Segment], list[str], bool]]:
    """Each path, its methods and one more that it does not have, and whether strangers may ask."""
    methods: dict[tuple[Segment, ...], list[str]] = {}
    open_to_all: set[tuple[Segment, ...]] = set()
    for claim in sorted(claims_of(discover().plugins.values()), key=_order):
        if claim.route.path.startswith("/_hs/"):
            continue  # for the administrator's tool: each answer has something that is good for once
        for segments in islice(expand(claim), SPELLINGS):
            methods.setdefault(tuple(segments), []).append(claim.route.method)
            if claim.route.auth is Auth.NONE:
                open_to_all.add(tuple(segments))
    for path, known in methods.items():
        unknown = next((method for method in METHODS if method not in known), None)
        yield list(path), [*known, *([unknown] if unknown else [])], path in open_to_all


def _order(claim: Claim) -> tuple[bool, str, str]:
    return any(word in claim.route.path for word in LAST), claim.plugin, claim.route.path


class Visitor:
    """Asks one process for everything, as a user who is new there."""

    def __init__(self, user: User, values: Mapping[str, str]) -> None:
        self.user = user
        self.values = values

    @classmethod
    async def arrive(cls, client: Client) -> Visitor:
        user = await client.register()
        room = await user.create_room(name="A room", topic="any")
        values = {"room_id": room, "room_id_or_alias": room, "alias": "#nowhere:hs.test", "rel_type": "m.thread"}
        values |= {"user_id": user.user_id, "device_id": user.device_id, "event_type": "m.room.message"}
        values |= {"event_id": await user.send_text(room, "hello"), "state_key": "", "kind": "content", "name": "tz"}
        return cls(user, values)

    def url(self, segments: list[Segment]) -> str:
        return "".join("/" + self._segment(segment) for segment in segments) + "?timeout=0&dir=b"

    def _segment(self, segment: Segment) -> str:
        if isinstance(segment, Literal):
            return segment.text
        return quote(self.values.get(segment.name, "thing"), safe="/" if isinstance(segment, Tail) else "")

    async def ask(self, method: str, url: str) -> Told:
        body: Any = {} if method in {"POST", "PUT"} else None
        return self.told(await self.user.answer(method, url, json=body))

    def told(self, answer: Answer) -> Told:
        """What must be the same everywhere: the shape of a success, and all of an error."""
        if not isinstance(answer.body, dict):
            return answer.status, answer.headers.get("Content-Type"), type(answer.body).__name__
        if answer.status == 200:
            return 200, None, sorted(answer.body.keys() - SOONER_OR_LATER)
        return answer.status, answer.errcode, self._anonymous(answer.body.get("error", sorted(answer.body)))

    def _anonymous(self, said: Any) -> Any:
        for name in ("room_id", "user_id", "event_id", "device_id"):
            said = str(said).replace(self.values[name], name)
        return re.sub(r"[$!][\w-]{43}", "id", said)


async def everything(client: Client) -> dict[Asked, Told]:
    """What a process answers to all that it could be asked."""
    visitor = await Visitor.arrive(client)
    token = visitor.user.access_token
    answers: dict[Asked, Told] = {}
    for segments, methods, open_to_all in paths():
        url = visitor.url(segments)
        shape = "/".join(segment.text if isinstance(segment, Literal) else segment.name for segment in segments)
        for method in methods:
            visitor.user.access_token = token
            answers[method, shape] = await visitor.ask(method, url)
            visitor.user.access_token = None
            if not open_to_all:
                answers[f"{method} as nobody", shape] = await visitor.ask(method, url)
    return answers


@pytest.fixture(scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[Asked, Told]:
    """What a single process answers."""
    folder = tmp_path_factory.mktemp("alone")
    async with homeserver(folder, f"sqlite:///{folder}/hs.db") as server:
        return await _everything_at(server, 0)


async def _everything_at(server: Homeserver, process: int) -> dict[Asked, Told]:
    async with Client(server.urls[process], shared_secret=server.shared_secret) as client:
        return await everything(client)


@only_the_cluster
@pytest.mark.parametrize("process", range(7))
async def test_every_process_answers_every_url(server: Homeserver, alone: dict[Asked, Told], process: int) -> None:
    answers = await _everything_at(server, process)

    different = {asked: (alone.get(asked), told) for asked, told in answers.items() if told != alone.get(asked)}
    assert different == {}
    assert len(answers) > 400
    assert {status for status, _, _ in answers.values()} >= {200, 400, 401, 403, 404, 405}
