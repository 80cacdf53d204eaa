"""`/account/password` and `/account/deactivate` (client-server API, "Password management", "Account deactivation")."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.responses import Response

from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_plugins.login.passwords import MAX_LENGTH
from hs_plugins.login.proof import prove_identity
from hs_plugins.login.role import LoginRole


class PasswordBody(msgspec.Struct):
    new_password: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LENGTH)]
    logout_devices: bool = True


class DeactivateBody(msgspec.Struct):
    erase: bool = False
    id_server: str | None = None


async def post_password(role: LoginRole, request: Request) -> Response:
    """ "The homeserver SHOULD NOT revoke the access token provided in the request." """
    body = await request.json(PasswordBody)
    await prove_identity(role.interactive, request)
    asker = request.asker
    await role.accounts.set_password(asker.user_id, body.new_password, asker.token_id, body.logout_devices)
    return empty()


async def post_deactivate(role: LoginRole, request: Request) -> Response:
    """Third-party identifiers are others' business, so that there is nothing here that could fail to be unbound."""
    body = await request.json(DeactivateBody, allow_empty=True)
    await prove_identity(role.interactive, request)
    await role.accounts.deactivate(request.asker.user_id, body.erase)
    return json_response({"id_server_unbind_result": "success"})
