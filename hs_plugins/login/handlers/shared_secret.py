"""`/_synapse/admin/v1/register`: who knows the shared secret may register users, as existing tools do it."""

from __future__ import annotations

import hashlib
import hmac

from starlette.responses import Response

from hs_core.errors import Forbidden, InvalidParam, UserInUse
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_plugins.login.handlers.bodies import DeviceWish, log_in
from hs_plugins.login.names import user_id_for
from hs_plugins.login.role import LoginRole
from hs_plugins.login.store import registration
from hs_plugins.login.values import NewAccount

NONCE_LIFETIME = 60_000
"""Milliseconds."""


class SharedSecretBody(DeviceWish, kw_only=True):
    nonce: str
    username: str
    password: str
    mac: str
    admin: bool | None = None
    user_type: str | None = None
    inhibit_login: bool | None = None


async def get_nonce(role: LoginRole, request: Request) -> Response:
    """Something to sign, good for one registration."""
    _secret(role)
    nonce, expires = role.clock.random_text(32), role.clock.now_ms() + NONCE_LIFETIME
    await role.db.write(lambda tx: registration.add_nonce(tx, nonce, expires))
    return json_response({"nonce": nonce})


async def post_register(role: LoginRole, request: Request) -> Response:
    secret = _secret(role)
    body = await request.json(SharedSecretBody)
    if any("\0" in text for text in (body.nonce, body.username, body.password)):
        raise InvalidParam("A NUL cannot be part of what is signed")
    now = role.clock.now_ms()
    if not await role.db.write(lambda tx: registration.spend_nonce(tx, body.nonce, now)):
        raise InvalidParam("The nonce is not known, or not any more", errcode="M_UNKNOWN")
    if not hmac.compare_digest(mac_of(secret, body).encode(), body.mac.encode()):
        raise Forbidden("The HMAC is wrong")
    user = user_id_for(body.username, role.server_name)
    if await role.users.account(user) is not None:
        raise UserInUse
    await role.accounts.register(user, NewAccount(password=body.password, is_admin=bool(body.admin)))
    if body.inhibit_login:
        return json_response({"user_id": user, "home_server": role.server_name})
    return await log_in(role, user, body.login())


def mac_of(secret: str, body: SharedSecretBody) -> str:
    """HMAC-SHA1 in hex of nonce, name, password, admin or not and, if there is one, the user's type."""
    said = [body.nonce, body.username, body.password, "admin" if body.admin else "notadmin"]
    if body.user_type:
        said.append(body.user_type)
    return hmac.new(secret.encode(), "\0".join(said).encode(), hashlib.sha1).hexdigest()


def _secret(role: LoginRole) -> str:
    secret = role.settings.registration.shared_secret
    if secret is None:
        raise InvalidParam("Shared secret registration is not enabled", errcode="M_UNKNOWN")
    return secret
