"""Whatever a stranger sends, the answer is a Matrix error, or what was asked for; never a failure of the server."""

import json
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.testing.client import Client, User
from hs_core.testing.http import path

_FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_NAMES = ["", "m.room.member", "@a:hs.test", "!a:hs.test", "$a", "#a:hs.test"]
_texts = st.one_of(st.sampled_from(_NAMES), st.text())
_segments = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
_values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=6,
)
_WRITES: list[tuple[str, str, list[str]]] = [
    ("POST", "/createRoom", ["visibility", "room_alias_name", "name", "topic", "invite", "invite_3pid", "room_version",
                             "creation_content", "initial_state", "preset", "is_direct",
                             "power_level_content_override"]),
    ("POST", "/rooms/{room}/join", ["reason", "third_party_signed"]),
    ("POST", "/rooms/{room}/invite", ["user_id", "reason", "medium", "address"]),
    ("POST", "/rooms/{room}/kick", ["user_id", "reason"]),
    ("POST", "/rooms/{room}/ban", ["user_id", "reason"]),
    ("POST", "/rooms/{room}/unban", ["user_id", "reason"]),
    ("POST", "/rooms/{room}/upgrade", ["new_version", "additional_creators"]),
    ("PUT", "/rooms/{room}/redact/{event}/1", ["reason"]),
    ("PUT", "/rooms/{room}/send/m.room.message/{event}", ["m.relates_to", "body"]),
    ("PUT", "/rooms/{room}/send/m.room.redaction/{event}", ["redacts", "reason"]),
    ("PUT", "/rooms/{room}/state/m.room.member/@a:hs.test", ["membership", "displayname", "third_party_invite"]),
    ("PUT", "/rooms/{room}/state/m.room.canonical_alias/", ["alias", "alt_aliases"]),
    ("PUT", "/rooms/{room}/state/m.room.power_levels/", ["users", "events", "ban", "notifications"]),
    ("PUT", "/rooms/{room}/state/m.room.join_rules/", ["join_rule", "allow"]),
    ("PUT", "/rooms/{room}/state/m.room.history_visibility/", ["history_visibility"]),
    ("PUT", "/directory/room/%23x:hs.test", ["room_id"]),
    ("PUT", "/directory/list/room/{room}", ["visibility"]),
    ("POST", "/publicRooms", ["limit", "since", "filter", "include_all_networks", "third_party_instance_id"]),
]  # fmt: skip
_READS: list[tuple[str, list[str]]] = [
    ("/rooms/{room}/messages", ["from", "to", "dir", "limit", "filter"]),
    ("/rooms/{room}/context/{event}", ["limit", "filter"]),
    ("/rooms/{room}/members", ["at", "membership", "not_membership"]),
    ("/rooms/{room}/state/m.room.name/", ["format"]),
    ("/_matrix/client/v1/rooms/{room}/relations/{event}", ["from", "to", "dir", "limit", "recurse"]),
    ("/_matrix/client/v1/rooms/{room}/threads", ["from", "include", "limit"]),
    ("/_matrix/client/v1/rooms/{room}/timestamp_to_event", ["ts", "dir"]),
    ("/publicRooms", ["limit", "since", "server"]),
]
_queries = st.one_of(
    _texts, st.sampled_from(["b", "f", "true", "t1_1", "s1_e5", "-1", "99999999999999999999", "{}", "[]"])
)


@dataclass(frozen=True)
class Place:
    """Somebody with a room and something said in it."""

    user: User
    room: str
    event: str

    def at(self, where: str) -> str:
        return where.format(room=self.room, event=self.event)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def place(client: Client) -> Place:
    user = await client.register()
    room = await user.create_room()
    return Place(user, room, await user.send_text(room, "hi"))


@_FUZZ
@given(request=st.sampled_from(_WRITES), data=st.data())
async def test_no_body_makes_the_server_fail(
    place: Place, request: tuple[str, str, list[str]], data: st.DataObject
) -> None:
    method, where, keys = request
    body = data.draw(st.one_of(st.fixed_dictionaries({}, optional=dict.fromkeys(keys, _values)), _values))
    answer = await place.user.answer(method, place.at(where), data=json.dumps(body).encode())
    assert answer.status < 500, answer


@_FUZZ
@given(request=st.sampled_from(_READS), data=st.data())
async def test_no_query_makes_the_server_fail(
    place: Place, request: tuple[str, list[str]], data: st.DataObject
) -> None:
    where, names = request
    query = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, _queries)))
    answer = await place.user.answer("GET", place.at(where), params=query)
    assert answer.status < 500 or (where == "/publicRooms" and answer.status == 502), answer


@_FUZZ
@given(parts=st.lists(_segments, min_size=2, max_size=3), act=st.sampled_from(["state", "event", "send"]))
async def test_no_path_makes_the_server_fail(place: Place, parts: list[str], act: str) -> None:
    where = path("rooms", parts[0], act, *parts[1:])
    for method, body in (("GET", None), ("PUT", {})):
        answer = await place.user.answer(method, where, json=body)
        assert answer.status < 500, answer
