"""Every black-box test trusts the checker: it has to say yes to the specification itself and no to mistakes."""

from typing import Any

import pytest

from hs_core.testing.http import Answer
from tests.spec.schema import Operation, check, faults, operation, operations

# Some examples of errors leave out `error`, which the prose has in every "standard error response".
EXAMPLES = [
    pytest.param(each, status, example, id=f"{each.method} {each.template} {status}")
    for each in operations()
    for status, example in each.examples()
    if status < 400 or status == 401 or "error" in example
]


@pytest.mark.parametrize(("each", "status", "example"), EXAMPLES)
def test_the_examples_of_the_specification_are_as_specified(each: Operation, status: int, example: Any) -> None:
    validator = each.validator(status)

    assert validator is None or not [error.message for error in validator.iter_errors(example)]


def test_every_operation_is_found_by_a_path_of_its_own() -> None:
    for each in operations():
        found = operation(each.method, each.template.replace("{", "x").replace("}", ""))

        assert found is each


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", "/_matrix/client/versions", "/_matrix/client/versions"),
        ("GET", "/.well-known/matrix/client", "/.well-known/matrix/client"),
        (
            "PUT",
            "/_matrix/client/v3/rooms/!a/state/m.room.name",
            "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
        ),
        (
            "GET",
            "/_matrix/client/v3/rooms/!a/state/m.room.name/",
            "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}",
        ),
        ("GET", "/_matrix/client/v3/rooms/!a/state", "/_matrix/client/v3/rooms/{roomId}/state"),
        ("POST", "/_matrix/client/v3/rooms/!a%2Fb/join", "/_matrix/client/v3/rooms/{roomId}/join"),
        ("GET", "/_matrix/client/v1/rooms/!a/threads", "/_matrix/client/v1/rooms/{roomId}/threads"),
    ],
)
def test_a_request_belongs_to_the_operation_with_its_path(method: str, path: str, template: str) -> None:
    found = operation(method, path)

    assert found is not None
    assert found.template == template


@pytest.mark.parametrize(
    "path", ["/_synapse/admin/v1/register", "/_matrix/client/v3/nothing", "/_matrix/client/v3/sync/x"]
)
def test_what_the_specification_does_not_have_is_not_judged(path: str) -> None:
    assert faults("GET", path, 200, {"anything": True}) == []


SEND = "/_matrix/client/v3/rooms/!a/send/m.room.message/1"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, {"event_id": 1}),
        (200, {"event_id": "not an event's ID"}),
        (200, []),
        (200, b"<html>"),
        (201, {"event_id": "$a"}),
        (403, {"error": "no code"}),
        (403, {"errcode": "forbidden", "error": "not a code"}),
        (404, b"Not Found"),
        (500, {}),
    ],
)
def test_a_wrong_answer_to_a_send_is_refused(status: int, body: Any) -> None:
    assert faults("PUT", SEND, status, body)


def test_any_standard_error_is_an_answer() -> None:
    assert faults("PUT", SEND, 403, {"errcode": "M_FORBIDDEN", "error": "You are not in the room"}) == []
    assert faults("PUT", SEND, 418, {"errcode": "ORG.EXAMPLE_TEAPOT", "error": "Short and stout"}) == []


def test_a_mistake_is_found_behind_references_to_other_files() -> None:
    event = {"type": "m.room.message", "sender": "@a:b", "event_id": "$a", "origin_server_ts": 1, "content": {}}
    joined = {"timeline": {"events": [event], "limited": False, "prev_batch": "s1"}}

    def sync(**changes: Any) -> list[str]:
        timeline = joined["timeline"] | {"events": [event | changes]}
        body = {"next_batch": "s2", "rooms": {"join": {"!r": {"timeline": timeline}}}}
        return faults("GET", "/_matrix/client/v3/sync", 200, body)

    assert sync() == []
    assert sync(origin_server_ts="now")
    assert sync(sender="nobody")


def test_an_unauthorised_answer_may_be_the_stages_of_authentication() -> None:
    path = "/_matrix/client/v3/delete_devices"

    assert faults("POST", path, 401, {"flows": [{"stages": ["m.login.password"]}], "session": "s"}) == []
    assert faults("POST", path, 401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Who?"}) == []
    assert faults("POST", path, 401, {"session": "s"})
    assert faults("GET", "/_matrix/client/v3/account/whoami", 401, {"flows": []})


def test_a_failed_check_names_the_place_and_shows_the_answer() -> None:
    answer = Answer("PUT", SEND, 200, {}, {"event_id": 17})

    with pytest.raises(AssertionError, match=r"\$\.event_id: 17 is not of type 'string'[\s\S]*answered 200"):
        check(answer)
