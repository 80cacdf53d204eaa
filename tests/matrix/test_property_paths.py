from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.property_paths import ABSENT, parse_path, property_at, select, selection_of

NAMES = st.text("ab.\\", max_size=4)


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("content.body", ("content", "body")),
        (r"content.m\.relates_to", ("content", "m.relates_to")),
        (r"content.m\\foo", ("content", r"m\foo")),
        (r"content.\x", ("content", r"\x")),
        (r"content.a\\.b", ("content", "a\\", "b")),
        ("content.", ("content", "")),
        ("a\\", ("a\\",)),
    ],
)
def test_dots_separate_names_unless_escaped(path: str, names: tuple[str, ...]) -> None:
    assert parse_path(path) == names


@given(st.lists(NAMES, min_size=1, max_size=4))
@settings(max_examples=100, deadline=None)
def test_escaped_names_are_read_back(names: list[str]) -> None:
    escaped = ".".join(name.replace("\\", "\\\\").replace(".", "\\.") for name in names)

    assert parse_path(escaped) == tuple(names)


def test_a_path_leads_to_a_value_or_nowhere() -> None:
    event = {"content": {"a.b": None, "list": [{"x": 1}]}}

    assert property_at(event, ("content", "a.b")) is None
    assert property_at(event, ("content", "a")) is ABSENT
    assert property_at(event, ("content", "list", "x")) is ABSENT


def test_only_the_wanted_properties_are_kept() -> None:
    event: dict[str, Any] = {"type": "t", "content": {"body": "b", "m": {"x": 1, "y": 2}, "n": 3}, "sender": "@a:b"}

    def kept(*paths: str) -> dict[str, Any]:
        return select(event, selection_of([parse_path(path) for path in paths]))

    assert kept("type", "content.m.x", "content.body") == {"type": "t", "content": {"m": {"x": 1}, "body": "b"}}
    assert kept("content.m.x", "content") == {"content": event["content"]}
    assert kept("content.m.x.z", "sender.a", "origin") == {}
    assert kept() == {}
