"""Every answer that the specification documents is given: of what a user has, and of what is encrypted end to end."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from hs_core.testing.client import Client
from hs_core.testing.http import CLIENT_API, Answer, Json
from tests.layouts import in_one_process
from tests.spec.schema import Operation, operations
from tests.spec.visiting import ALGORITHM, COPY, PUSHER, SESSION, Visitor

FILES = {
    *("account-data", "tags", "receipts", "read_markers", "typing", "presence", "to_device", "device_management"),
    *("keys", "cross_signing", "key_backup", "pushrules", "pusher", "notifications"),
}


@dataclass(frozen=True)
class Ask:
    """A request, and its answer: what is other in path, query or body than in a good one, and who asks."""

    status: int
    errcode: str | None = None
    instead: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    by_stranger: bool = False


NOT_FOUND = "M_NOT_FOUND"
_NOT_MINE = Ask(403, "M_FORBIDDEN", {"userId": "stranger"})
_CONTROLLED = Ask(405, "M_BAD_JSON", {"type": "m.fully_read"})
_NO_ROOM = Ask(400, "M_INVALID_PARAM", {"roomId": "nowhere"})
_NO_JSON = [Ask(400, "M_BAD_JSON", body=[]), Ask(400, "M_NOT_JSON", body=b"{")]
_NOTHING = Ask(404, NOT_FOUND, {"type": "org.example.nothing"})
_NO_DEVICE = Ask(404, NOT_FOUND, {"deviceId": "NONE"})
_NO_VERSION = Ask(404, NOT_FOUND, {"version": "99"})
_OLD_VERSION = Ask(403, "M_WRONG_ROOM_KEYS_VERSION", {"version": "1"})
_NO_BACKUP = Ask(404, NOT_FOUND, by_stranger=True)
_NO_RULE = Ask(404, NOT_FOUND, {"ruleId": "none"})

REFUSALS: dict[str, list[Ask]] = {
    "PUT /user/{userId}/account_data/{type}": [_NOT_MINE, _CONTROLLED, *_NO_JSON],
    "GET /user/{userId}/account_data/{type}": [_NOT_MINE, _NOTHING],
    "PUT /user/{userId}/rooms/{roomId}/account_data/{type}": [_NOT_MINE, _CONTROLLED, _NO_ROOM, *_NO_JSON],
    "GET /user/{userId}/rooms/{roomId}/account_data/{type}": [_NOT_MINE, _NO_ROOM, _NOTHING],
    "POST /rooms/{roomId}/receipt/{receiptType}/{eventId}": [
        *(Ask(400, "M_INVALID_PARAM", body={"thread_id": thread}) for thread in (1, "", "$unrelated")),
        Ask(400, "M_INVALID_PARAM", {"receiptType": "m.fully_read"}, {"thread_id": "main"}),
    ],
    "GET /presence/{userId}/status": [_NOT_MINE, Ask(404, NOT_FOUND, {"userId": "@nobody:hs.test"})],
    "GET /devices/{deviceId}": [_NO_DEVICE],
    "PUT /devices/{deviceId}": [_NO_DEVICE],
    "DELETE /devices/{deviceId}": [Ask(401, None, body={})],
    "POST /delete_devices": [Ask(401, None, body={"devices": ["NONE"]})],
    "POST /keys/device_signing/upload": [
        Ask(400, "M_MISSING_PARAM", body=lambda visitor: _without(visitor.identity.body(), "master_key")),
        Ask(400, "M_INVALID_SIGNATURE", body=Visitor.badly_signed),
        Ask(403, "M_FORBIDDEN", body=Visitor.clash),
    ],
    "GET /room_keys/version": [_NO_BACKUP],
    "GET /room_keys/version/{version}": [_NO_VERSION],
    "PUT /room_keys/version/{version}": [
        _NO_VERSION,
        Ask(400, "M_INVALID_PARAM", body={"algorithm": "other", "auth_data": {}}),
        Ask(400, "M_INVALID_PARAM", body={"algorithm": ALGORITHM, "auth_data": {}, "version": "1"}),
    ],
    "DELETE /room_keys/version/{version}": [_NO_VERSION],
    "PUT /room_keys/keys/{roomId}/{sessionId}": [_OLD_VERSION],
    "GET /room_keys/keys/{roomId}/{sessionId}": [_NO_VERSION, Ask(404, NOT_FOUND, {"sessionId": "none"})],
    "DELETE /room_keys/keys/{roomId}/{sessionId}": [_NO_VERSION],
    "PUT /room_keys/keys/{roomId}": [_OLD_VERSION, _NO_BACKUP],
    "GET /room_keys/keys/{roomId}": [_NO_VERSION],
    "DELETE /room_keys/keys/{roomId}": [_NO_VERSION],
    "PUT /room_keys/keys": [_OLD_VERSION, _NO_BACKUP],
    "GET /room_keys/keys": [_NO_VERSION],
    "DELETE /room_keys/keys": [_NO_VERSION],
    "GET /pushrules/global/{kind}/{ruleId}": [_NO_RULE],
    "DELETE /pushrules/global/{kind}/{ruleId}": [_NO_RULE],
    "PUT /pushrules/global/{kind}/{ruleId}": [Ask(400, "M_UNKNOWN", {"before": "none"})],
    "GET /pushrules/global/{kind}/{ruleId}/enabled": [_NO_RULE],
    "PUT /pushrules/global/{kind}/{ruleId}/enabled": [_NO_RULE],
    "GET /pushrules/global/{kind}/{ruleId}/actions": [_NO_RULE],
    "PUT /pushrules/global/{kind}/{ruleId}/actions": [_NO_RULE],
    "POST /pushers/set": [Ask(400, "M_MISSING_PARAM", body={"kind": "http", "app_id": "app", "pushkey": "key"})],
}

_MARKERS = ("m.fully_read", "m.read", "m.read.private")

BODIES: dict[str, Any] = {
    "PUT /user/{userId}/rooms/{roomId}/tags/{tag}": {"order": 0.25},
    "PUT /rooms/{roomId}/typing/{userId}": {"typing": True, "timeout": 1000},
    "PUT /presence/{userId}/status": {"presence": "unavailable"},
    "POST /rooms/{roomId}/read_markers": lambda visitor: dict.fromkeys(_MARKERS, visitor.names["eventId"]),
    "PUT /sendToDevice/{eventType}/{txnId}": lambda visitor: {"messages": {visitor.user.user_id: {"*": {}}}},
    "PUT /devices/{deviceId}": {"display_name": "telephone"},
    "DELETE /devices/{deviceId}": lambda visitor: {"auth": visitor.proof()},
    "POST /delete_devices": lambda visitor: {"auth": visitor.proof(), "devices": [visitor.phone.device_id]},
    "POST /keys/upload": Visitor.keys,
    "POST /keys/query": lambda visitor: {"device_keys": {visitor.friend.user_id: []}},
    "POST /keys/claim": lambda visitor: {"one_time_keys": {visitor.friend.user_id: visitor.claimed()}},
    "POST /keys/device_signing/upload": lambda visitor: visitor.identity.body(),
    "POST /keys/signatures/upload": Visitor.signatures,
    "POST /room_keys/version": {"algorithm": ALGORITHM, "auth_data": {"public_key": "key"}},
    "PUT /room_keys/version/{version}": {"algorithm": ALGORITHM, "auth_data": {"public_key": "other"}},
    "PUT /room_keys/keys/{roomId}/{sessionId}": COPY,
    "PUT /room_keys/keys/{roomId}": {"sessions": {SESSION: COPY}},
    "PUT /room_keys/keys": lambda visitor: {"rooms": {visitor.names["roomId"]: {"sessions": {SESSION: COPY}}}},
    "PUT /pushrules/global/{kind}/{ruleId}": {"actions": ["notify"]},
    "PUT /pushrules/global/{kind}/{ruleId}/enabled": {"enabled": False},
    "PUT /pushrules/global/{kind}/{ruleId}/actions": {"actions": ["notify"]},
    "POST /pushers/set": {**PUSHER, "lang": "de", "append": True},
}
"""Of good requests; empty where nothing is said here."""
NAMES = {"GET /keys/changes": {"from": "since", "to": "until"}, "GET /notifications": {"limit": "1"}}
"""Of good requests, besides those that all have."""

ELSEWHERE = {
    ("PUT /devices/{deviceId}", 201, None): "only to application services: tests/plugins/login/test_appservices.py",
    ("PUT /pushrules/global/{kind}/{ruleId}", 404, NOT_FOUND): "a rule that does not exist is made",
}
"""Answers that this user does not get. 429 is the same for all: tests/core/http/test_limits.py"""

OPERATIONS = {
    f"{each.method} {each.template.removeprefix(CLIENT_API)}": each for each in operations() if each.file.stem in FILES
}


def _documented() -> Iterator[tuple[str, int, str | None]]:
    for name, operation in OPERATIONS.items():
        for status, answer in operation.responses.items():
            codes = set(re.findall(r"M_[A-Z_]+", str(answer))) if int(status) >= 400 else {None}
            yield from ((name, int(status), code) for code in codes or {None} if status != "429")


def test_every_documented_answer_is_asked_for() -> None:
    asked = {(name, ask.status, ask.errcode) for name, asks in REFUSALS.items() for ask in asks}
    asked |= {(name, status, None) for name, status, _ in asked} | {(name, 200, None) for name in OPERATIONS}

    assert set(_documented()) - asked == set(ELSEWHERE)


@in_one_process
@pytest.mark.parametrize("name", OPERATIONS)
async def test_what_is_documented_is_answered(client: Client, name: str) -> None:
    """Each response is held against its schema by `client`."""
    visitor = await Visitor.arrive(client)
    for ask in [*REFUSALS.get(name, ()), Ask(200, instead=NAMES.get(name, {}))]:
        answer = await _ask(visitor, OPERATIONS[name], ask, BODIES.get(name))

        assert (answer.status, answer.errcode) == (ask.status, ask.errcode), str(answer)
        if answer.method == "GET":
            assert any(answer.body.values()), "there is nothing to be held against the schema"


async def _ask(visitor: Visitor, operation: Operation, ask: Ask, good: Any) -> Answer:
    body = good if ask.body is None else ask.body
    body = body(visitor) if callable(body) else body
    body = await body if inspect.isawaitable(body) else body
    if body is None and operation.method in {"PUT", "POST"}:
        body = {}
    return await visitor.ask(operation, ask.instead, body, visitor.stranger if ask.by_stranger else visitor.user)


def _without(body: Json, key: str) -> Json:
    return {name: value for name, value in body.items() if name != key}
