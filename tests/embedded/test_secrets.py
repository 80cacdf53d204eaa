"""With everything logged that can be, the log has nothing in it that lets its reader in."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from hs_core.testing.client import Client, User
from tests.embedded.running import SECRET, hs_run

PASSWORDS = ["the first passw0rd", "the second passw0rd", "a wr0ng passw0rd"]


async def _mac(client: Client, name: str) -> str:
    """Register by shared secret, by hand; the MAC that proves that the secret is known."""
    nonce = (await client.request("GET", "/_synapse/admin/v1/register"))["nonce"]
    said = "\0".join([nonce, name, PASSWORDS[0], "notadmin"])
    mac = hmac.new(SECRET.encode(), said.encode(), hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": name, "password": PASSWORDS[0], "admin": False, "mac": mac}
    await client.request("POST", "/_synapse/admin/v1/register", json=body)
    await client.request("POST", "/_synapse/admin/v1/register", json=body, expect=400)
    return mac


async def _change_password(user: User) -> None:
    identifier = {"type": "m.id.user", "user": user.user_id}
    auth = {"type": "m.login.password", "identifier": identifier, "password": PASSWORDS[0]}
    await user.request("POST", "/account/password", json={"new_password": PASSWORDS[1], "auth": auth})


async def _story(client: Client) -> list[str]:
    """Everything that is done with secrets; returns them."""
    secrets = [SECRET, *PASSWORDS, await _mac(client, "alice")]
    alice = await client.login("alice", PASSWORDS[0], refresh_token=True)
    secrets += [alice.login["access_token"], alice.login["refresh_token"]]
    refreshed = await client.request("POST", "/refresh", json={"refresh_token": alice.login["refresh_token"]})
    secrets += [refreshed["access_token"], refreshed["refresh_token"]]
    alice.access_token = refreshed["access_token"]
    await client.error("POST", "/refresh", json={"refresh_token": "hst_nobody_at_all"})
    await client.error("POST", "/login", data=b'{"password": "%s", ' % PASSWORDS[2].encode())
    identifier = {"type": "m.id.user", "user": "alice"}
    wrong = {"type": "m.login.password", "identifier": identifier, "password": PASSWORDS[2]}
    assert (await client.error("POST", "/login", json=wrong)) == (403, "M_FORBIDDEN")
    await client.answer("GET", "/sync", params={"access_token": alice.access_token or "", "timeout": "0"})
    await client.error("GET", f"/{alice.access_token}")
    await client.error("GET", "/sync", params={"since": alice.access_token or "", "access_token": "x\0"})
    await alice.send_text(await alice.create_room(), "hello")
    await _change_password(alice)
    await alice.logout()
    await client.error("POST", "/login", json=wrong | {"password": PASSWORDS[0]})
    return secrets


async def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    async with hs_run(tmp_path, logging={"level": "DEBUG", "file": str(tmp_path / "hs.log")}) as server:
        async with server.client() as client:
            secrets = await _story(client)
        assert await server.stop() == 0

    logged = server.log.read_text()
    assert logged.count("answered") >= 15, "it does log what happens"
    key = (tmp_path / "data" / "signing.key").read_text().split()[-1]
    assert [secret for secret in [*secrets, key] if secret in logged] == []
