"""`hs check` tells how the server is found by those who know only its name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from hs_core.cli.outside import Answers, look, seen_from_outside
from hs_core.config import Config, load
from hs_core.federation.discovery import ServiceRecord
from tests.certificates import Certificate, make_certificate


class Web:
    """What `.well-known` says."""

    def __init__(self, **answers: object) -> None:
        self._answers = answers

    async def __call__(self, host: str) -> str | None:
        return str(self._answers["server"]) if "server" in self._answers else None

    async def read(self, host: str, name: str) -> bytes | None:
        assert host == "hs.family"
        return json.dumps(self._answers[name]).encode() if name in self._answers else None


async def no_services(name: str) -> Sequence[ServiceRecord]:
    return ()


def config_of(folder: Path, *lines: str, name: str = "hs.family") -> Config:
    file = folder / "hs.yaml"
    file.write_text("\n".join([f"server_name: '{name}'", "public_baseurl: https://matrix.hs.family/", *lines]))
    return load(file, {}, {})


@asynccontextmanager
async def other_side(certificate: Certificate) -> AsyncIterator[int]:
    """A port of 127.0.0.1 at which somebody shows a certificate."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.server())
    async with server:
        yield server.sockets[0].getsockname()[1]


async def found(config: Config, web: Answers) -> list[str]:
    return await look(config, web, no_services)


async def test_a_server_that_is_found_needs_no_note(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "hs.family")
    config = config_of(tmp_path, f"federation: {{ca_file: {certificate.certificate}}}")
    async with other_side(certificate) as port:
        client = {"m.homeserver": {"base_url": "https://matrix.hs.family"}, "more": True}
        assert await found(config, Web(client=client, server=f"127.0.0.1:{port}")) == []


async def test_a_certificate_of_somebody_else_is_told(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, "hs.family")
    config = config_of(tmp_path, f"federation: {{ca_file: {certificate.certificate}}}")
    async with other_side(certificate) as port:
        (note,) = await found(config, Web(client=_client("https://matrix.hs.family/"), server=f"localhost:{port}"))
    assert note.startswith("other servers look for hs.family by .well-known, and do not find it (yet) from here: ")
    assert f"localhost:{port} (its certificate is not good for localhost: " in note


async def test_where_nobody_listens_is_told(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    (note,) = await found(config, Web(client=_client("https://matrix.hs.family/"), server="127.0.0.1:1"))
    assert "127.0.0.1:1 (" in note


@pytest.mark.parametrize(
    ("web", "told"),
    [
        (Web(), "https://hs.family/.well-known/matrix/client does not answer (yet): who knows only @user:hs.family"),
        (Web(client={}), "https://hs.family/.well-known/matrix/client is not as the specification wants it: "),
        (Web(client={"m.homeserver": {"base_url": "https://old.family"}}), "sends clients to https://old.family/, and"),
    ],
)
async def test_what_is_said_to_clients_has_to_be_right(tmp_path: Path, web: Web, told: str) -> None:
    (note,) = await found(config_of(tmp_path, "federation: {enabled: false}"), web)
    assert told in note


async def test_who_is_called_as_the_server_is_needs_no_delegation_for_clients(tmp_path: Path) -> None:
    config = config_of(tmp_path, "federation: {enabled: false}")
    assert await found(msgspec.structs.replace(config, public_baseurl="https://hs.family/"), Web()) == []


@pytest.mark.parametrize("name", ["localhost", "192.168.1.2", "[::1]:8448", "home.local", "example.org", "a.test:443"])
async def test_of_a_name_that_is_not_for_others_nobody_is_asked(tmp_path: Path, name: str) -> None:
    config = config_of(tmp_path, "federation: {ca_file: gone}", name=name)
    assert await seen_from_outside(config) == []


def _client(url: str) -> dict[str, dict[str, str]]:
    return {"m.homeserver": {"base_url": url}}
