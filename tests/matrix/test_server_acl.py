from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.identifiers import ServerName
from hs_core.matrix.server_acl import ServerAcl, is_ip_literal

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab.*?:[1]", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def allows(content: dict[str, Any], server: str) -> bool:
    acl = ServerAcl.from_content(content)
    assert acl is not None
    return acl.allows(ServerName(server))


def test_a_room_without_an_acl_has_none() -> None:
    assert ServerAcl.from_content(None) is None


@pytest.mark.parametrize("content", [{}, {"allow": []}, {"allow": "*"}, {"allow": [["*"], {"*": 1}, None]}])
def test_an_acl_that_allows_nothing_denies_everybody(content: dict[str, Any]) -> None:
    assert not allows(content, "example.org")


@pytest.mark.parametrize("server", ["evil.com", "evil.com:8448", "EVIL.com:1234", "a.b.evil.com", "sub.EVIL.com:1"])
def test_a_denied_server_is_denied_on_every_port_and_in_any_case(server: str) -> None:
    content = {"allow": ["*"], "deny": ["Evil.com", "*.evil.COM"]}

    assert not allows(content, server)
    assert allows(content, "notevil.com")


def test_denying_comes_before_allowing() -> None:
    content = {"allow": ["*.example.org", "friend.?rg"], "deny": ["bad*.example.org"]}

    assert allows(content, "good.example.org")
    assert allows(content, "friend.org")
    assert not allows(content, "bad1.example.org")
    assert not allows(content, "example.org")


@pytest.mark.parametrize("server", ["1.2.3.4", "1.2.3.4:80", "[::1]", "[1234:5678::abcd]:5678", "001.2.3.4"])
def test_ip_literals_can_be_denied_as_such(server: str) -> None:
    assert is_ip_literal(server)
    assert not allows({"allow": ["*"], "allow_ip_literals": False}, server)
    assert allows({"allow": ["*"], "allow_ip_literals": "false"}, server)
    assert allows({"allow": ["*"]}, server)


def test_an_address_is_matched_without_its_port_but_with_its_brackets() -> None:
    assert allows({"allow": ["[::1]"]}, "[::1]:8448")
    assert not allows({"allow": ["*"], "deny": ["1.2.3.4"]}, "1.2.3.4:1")


@pytest.mark.parametrize("server", ["1.2.3", "1.2.3.4.5", "1.2.3.4.example.org", "example.org:8448"])
def test_names_that_only_look_like_addresses_are_names(server: str) -> None:
    assert not is_ip_literal(server)


def test_thousands_of_hostile_patterns_are_answered() -> None:
    content = {"allow": ["*"], "deny": [f"*{'a*' * 20}{n}" for n in range(1000)] + ["*" * 5000 + "x", "?" * 40_000]}

    assert allows(content, "a" * 100 + ".example.org")


@given(st.dictionaries(st.sampled_from(["allow", "deny", "allow_ip_literals", "x"]), JSON), st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_content_and_any_name_get_an_answer(content: dict[str, Any], server: str) -> None:
    assert allows(content, server) in (True, False)
