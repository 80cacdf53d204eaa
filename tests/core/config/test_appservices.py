"""Registration files: what is read of them, and what is found wrong, with the line and a remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from hs_core.config import ConfigError
from hs_core.config.appservices import AppService, Namespace, read_appservices
from tests.core.config.conftest import Load

# The example of the specification, with what services write besides.
BRIDGE = r"""
id: "IRC Bridge"
url: "http://127.0.0.1:1234"
as_token: "30c05ae90a248a4188e620216fa72e349803310ec83e2a77b34fe90be6081f46"
hs_token: "312df522183efd404ec1cd22d2ffa4bbc76a8c1ccf541dd692eef281356bb74e"
sender_localpart: "_irc_bot" # Will result in @_irc_bot:example.org
de.sorunome.msc2409.push_ephemeral: true
namespaces:
  users:
    - exclusive: true
      regex: "@_irc_bridge_.*"
      group_id: "+irc:example.org"
  aliases:
    - exclusive: false
      regex: "#_irc_bridge_.*"
  rooms: []
"""


class Files:
    """Registration files, and what becomes of them."""

    def __init__(self, folder: Path, load_text: Load) -> None:
        self.folder = folder
        self.load_text = load_text
        self.names: list[str] = []

    def write(self, text: str) -> None:
        self.names.append(f"as{len(self.names) + 1}.yaml")
        (self.folder / self.names[-1]).write_text(text)

    def vary(self, **changes: object) -> None:
        """A registration, with what is to be different: so that it has nothing in common with others, but for that."""
        n = len(self.names) + 1
        own = {"id": f"as{n}", "url": None, "as_token": f"a{n}", "hs_token": f"h{n}", "sender_localpart": f"bot{n}"}
        self.write(yaml.safe_dump({**own, "namespaces": {}, **changes}, sort_keys=False))

    def read(self) -> tuple[AppService, ...]:
        return read_appservices(self.load_text(f"appservices: [{', '.join(self.names)}]"))

    def problems(self) -> list[str]:
        """`FILE:LINE: message; remedy`."""
        with pytest.raises(ConfigError) as caught:
            self.read()
        return [str(problem).removeprefix(f"{self.folder}/") for problem in caught.value.problems]


@pytest.fixture
def files(tmp_path: Path, load_text: Load) -> Files:
    return Files(tmp_path, load_text)


def test_the_example_of_the_specification_is_understood(files: Files) -> None:
    files.write(BRIDGE)

    (bridge,) = files.read()

    assert (bridge.id, bridge.url, bridge.sender_localpart) == ("IRC Bridge", "http://127.0.0.1:1234", "_irc_bot")
    assert bridge.namespaces.users == (Namespace("@_irc_bridge_.*", True),)
    assert bridge.namespaces.aliases == (Namespace("#_irc_bridge_.*", False),)
    assert bridge.namespaces.rooms == ()
    assert (bridge.rate_limited, bridge.receive_ephemeral, bridge.protocols) == (True, False, ())
    assert bridge.as_token.startswith("30c05")
    assert "30c05" not in repr(bridge)


def test_what_others_write_without_saying_anything_is_nothing(files: Files) -> None:
    files.vary(namespaces={"users": None, "org.example.extra": [1]}, protocols=None, url=None)

    (service,) = files.read()

    assert (service.url, service.protocols, service.namespaces.users) == (None, (), ())


def test_a_dollar_sign_is_no_variable(files: Files) -> None:
    files.vary(as_token="${TOKEN}", namespaces={"users": [{"exclusive": True, "regex": "@a_[${]+"}]})

    (service,) = files.read()

    assert service.as_token == "${TOKEN}"
    assert service.namespaces.users[0].regex == "@a_[${]+"


def test_tokens_may_be_in_files(files: Files) -> None:
    (files.folder / "token").write_text("sesame\n")
    text = BRIDGE.replace("as_token: ", "ignored: ").replace("id:", "as_token_file: token\nid:", 1)
    files.write(text)

    assert files.read()[0].as_token == "sesame"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("id: .*", "", r"as1.yaml:3: id is missing; add a line id: ..."),
        ("url: .*", "", "as1.yaml:2: url is missing"),
        (
            "url: .*",
            "url: irc.example.org",
            "as1.yaml:3: 'irc.example.org' is not the address of a service; write http",
        ),
        ("url: .*", "url: 'http://[::1'", "as1.yaml:3: .* is not the address of a service"),
        ("url: .*", "url: ftp://irc.example.org", "as1.yaml:3: .* is not the address of a service"),
        ("as_token: .*", "as_token: two words", "as1.yaml:4: as_token is not one word of plain characters; write a"),
        ("hs_token: .*", "hs_token: ''", "as1.yaml:5: hs_token is not one word of plain characters"),
        ("sender_localpart: .*", "sender_localpart: 'a:b'", "as1.yaml:6: not a valid server name"),
        ("exclusive: true", "exclusive: perhaps", r"as1.yaml:10: namespaces.users\[0\].exclusive: .*; write true or f"),
        (r'regex: "@.*"', 'regex: "@(irc"', r"as1.yaml:11: '@\(irc' is not a regular expression: .*; write one such"),
        (r'regex: "@.*"', "", r"as1.yaml:10: namespaces.users\[0\].regex is missing"),
        ("rooms: .*", "rooms: all", "as1.yaml:16: namespaces.rooms is not a list"),
        ("namespaces:", "namespaces: [", r"as1.yaml:\d+: not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_a_remedy(files: Files, before: str, after: str, expected: str) -> None:
    files.write(re.sub(before, after, BRIDGE, count=1))

    (problem,) = files.problems()

    assert re.match(expected, problem), problem


def test_a_file_that_is_missing_is_named(files: Files) -> None:
    files.names.append("nowhere.yaml")

    assert files.problems()[0].startswith("nowhere.yaml: cannot read it: No such file or directory; write it, or")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": "as1"}, "as2.yaml:1: the id 'as1' is also that of as1.yaml"),
        ({"as_token": "a1"}, "as2.yaml:3: as_token is also a token of as1.yaml"),
        ({"hs_token": "h1"}, "as2.yaml:4: hs_token is also a token of as1.yaml"),
        ({"as_token": "h1"}, "as2.yaml:3: as_token is also a token of as1.yaml"),
        ({"sender_localpart": "bot1"}, "as2.yaml:5: the sender 'bot1' is also that of as1.yaml"),
        (
            {"namespaces": {"users": [{"exclusive": True, "regex": "@_irc_.*"}]}},
            "as2.yaml:8: the users '@_irc_.*' are exclusive to as1.yaml already",
        ),
        (
            {"sender_localpart": "_irc_bot"},
            "as1.yaml:8: @_irc_bot:example.org, the sender of as2.yaml, is among these exclusive users",
        ),
    ],
)
def test_two_services_share_nothing_that_is_for_one(files: Files, changes: dict[str, object], expected: str) -> None:
    files.vary(namespaces={"users": [{"exclusive": True, "regex": "@_irc_.*"}]})
    files.vary(**changes)

    (problem,) = files.problems()

    assert problem.startswith(expected), problem


def test_namespaces_that_are_not_exclusive_may_be_shared(files: Files) -> None:
    for exclusive in (True, False):
        files.vary(namespaces={"users": [{"exclusive": exclusive, "regex": "@_irc_.*"}]})

    assert len(files.read()) == 2


@pytest.mark.parametrize(
    ("regex", "matching", "other"),
    [
        ("@_irc_.*", "@_irc_a:hs.test", "@a_irc_:hs.test"),
        ("@_irc_", "@_irc_a:hs.test", "@a:hs.test"),
        (r"^@_irc_[[:digit:]]+:hs\.test$", "@_irc_12:hs.test", "@_irc_1a:hs.test"),
    ],
)
def test_a_namespace_matches_from_the_beginning(regex: str, matching: str, other: str) -> None:
    pattern = Namespace(regex, True).pattern()

    assert pattern.match(matching)
    assert not pattern.match(other)
