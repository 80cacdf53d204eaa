"""What limits others does not limit services, if their registration says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver
from tests.plugins.appservice.bridges import Bridge, Puppet, puppet

STRICT = {"per_second": 0.01, "burst": 2}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("limited", [True, False])
async def test_users_of_a_service_are_limited_if_it_says_so(tmp_path: Path, database_url: str, limited: bool) -> None:
    bridge = Bridge(rate_limited=limited)
    limits = {"message": STRICT, "room_creation": STRICT, "registration": STRICT, "login": STRICT}
    settings = {"appservices": [bridge.write(tmp_path)], "rate_limits": limits}
    async with (
        homeserver(tmp_path, database_url, settings=settings) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        sender = Puppet(client, bridge)
        for number in range(4):
            ghost = await puppet(client, bridge, f"ghost{number}")
            body = {"type": "m.login.application_service", "identifier": {"type": "m.id.user", "user": ghost.user_id}}
            await sender.request("POST", "/login", json=body)
        for someone, statuses in ((ghost, {200, 429} if limited else {200}), (sender, {200})):
            answers = [await someone.answer("POST", "/createRoom", json={}) for _ in range(4)]
            assert {answer.status for answer in answers} == statuses
        alice = [await client.answer("POST", "/register", json={"username": "alice"}) for _ in range(4)]
        assert 429 in {answer.status for answer in alice}
