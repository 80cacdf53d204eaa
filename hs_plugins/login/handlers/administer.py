"""`/_hs/administer`: what `hs user` and `hs token` ask of a live server.

Whoever can read the server's signing key may do anything anyway; the signature proves that, and each is good once.
"""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from hs_core.errors import BadJson, Forbidden, InvalidParam
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.unpadded_base64 import decode_base64
from hs_plugins.login.administration import actions
from hs_plugins.login.administration.administrator import Administrator
from hs_plugins.login.role import LoginRole
from hs_plugins.login.store import registration

NONCE_LIFETIME = 60_000
"""Milliseconds."""
_decoder = msgspec.json.Decoder(actions.Any)


async def get_nonce(role: LoginRole, request: Request) -> Response:
    """Something to sign, good for one act; and who would do it."""
    nonce, expires = role.clock.random_text(32), role.clock.now_ms() + NONCE_LIFETIME
    await role.db.write(lambda tx: registration.add_nonce(tx, nonce, expires))
    return json_response({"nonce": nonce, "server_name": role.server_name})


async def post_action(role: LoginRole, request: Request) -> Response:
    signed = await request.json(actions.Signed)
    said = actions.to_be_signed(signed.nonce, signed.action)
    if not role.verify_key.verifies(decode_base64(signed.signature), said):
        raise Forbidden("The signature is not of this server's key")
    now = role.clock.now_ms()
    if not await role.db.write(lambda tx: registration.spend_nonce(tx, signed.nonce, now)):
        raise InvalidParam("The nonce is not known, or not any more")
    try:
        action = _decoder.decode(signed.action)
    except msgspec.DecodeError as error:
        raise BadJson(str(error)) from None
    administrator = Administrator(role.server_name, role.clock, role.db, role.accounts, role.users)
    return json_response({"answer": await administrator.act(action)})
