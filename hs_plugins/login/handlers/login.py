"""`/login`, `/logout`, `/refresh`, `/account/whoami` (client-server API, "Login", "Session management")."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from hs_core.errors import Forbidden, InvalidParam, MissingParam, UnknownToken
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.identifiers import UserId
from hs_plugins.login.config import milliseconds
from hs_plugins.login.handlers.appservices import appservice_of, require_claim
from hs_plugins.login.handlers.bodies import DeviceWish, log_in, session_body
from hs_plugins.login.proof import prove_identity
from hs_plugins.login.role import LoginRole
from hs_plugins.login.tokens import Kind, owner_of


class LoginBody(DeviceWish, kw_only=True):
    type: str
    identifier: dict[str, Any] | None = None
    user: str | None = None
    medium: str | None = None
    address: str | None = None
    password: str | None = None
    token: str | None = None


class RefreshBody(msgspec.Struct):
    refresh_token: str


async def get_login(role: LoginRole, request: Request) -> Response:
    flows = [{"type": "m.login.password"}, {"type": "m.login.token", "get_login_token": True}]
    flows.append({"type": "m.login.application_service"})
    return json_response({"flows": flows})


async def post_login(role: LoginRole, request: Request) -> Response:
    body = await request.json(LoginBody)
    match body.type:
        case "m.login.password":
            user, login = await _by_password(role, body), body.login()
        case "m.login.token":
            user, login = _by_token(role, body), body.login(body.token)
        case "m.login.application_service":
            user, login = await _by_appservice(role, request, body), body.login()
        case _:
            raise InvalidParam("Bad login type", errcode="M_UNKNOWN")
    return await log_in(role, user, login)


async def post_refresh(role: LoginRole, request: Request) -> Response:
    token = (await request.json(RefreshBody)).refresh_token
    user = owner_of(Kind.REFRESH, token, role.server_name)
    if user is None:
        raise UnknownToken("This is no refresh token of ours")
    body = session_body(await role.accounts.refresh(user, token))
    return json_response({name: body[name] for name in ("access_token", "refresh_token", "expires_in_ms")})


async def post_get_token(role: LoginRole, request: Request) -> Response:
    """`POST /login/get_token`: "servers MUST always re-prompt the user for verification"."""
    await prove_identity(role.interactive, request, once=True)
    valid_for = milliseconds(role.config.login_token_lifetime)
    token = await role.accounts.offer_login(request.asker.user_id, valid_for)
    return json_response({"login_token": token, "expires_in_ms": valid_for})


async def post_logout(role: LoginRole, request: Request) -> Response:
    asker = request.asker
    if asker.appservice is None:
        await role.accounts.log_out(asker.user_id, asker.token_id)
    return empty()


async def post_logout_all(role: LoginRole, request: Request) -> Response:
    await role.accounts.log_out_everywhere(request.asker.user_id)
    return empty()


async def get_whoami(role: LoginRole, request: Request) -> Response:
    asker = request.asker
    answer: dict[str, Any] = {"user_id": asker.user_id, "is_guest": asker.is_guest}
    return json_response(answer if asker.device_id is None else answer | {"device_id": asker.device_id})


async def _by_password(role: LoginRole, body: LoginBody) -> UserId:
    if body.password is None:
        raise MissingParam("password is missing")
    credentials = role.credentials
    if body.identifier is None and body.medium is not None and body.address is not None:
        found = await credentials.find_by_address(body.medium, body.address)
    else:
        found = await credentials.find(body.identifier, body.user)
    user = await credentials.check(found, body.password)
    if user is None:
        raise Forbidden("Invalid username or password")
    return user


async def _by_appservice(role: LoginRole, request: Request, body: LoginBody) -> UserId:
    """ "Appservice Login": as one of the users in its namespace, who must exist."""
    asker = await appservice_of(role, request)
    for user in await role.credentials.find(body.identifier, body.user):
        if await role.users.account(user) is not None:
            await require_claim(role, asker, user)
            return user
    raise Forbidden("There is no such user")


def _by_token(role: LoginRole, body: LoginBody) -> UserId:
    if body.token is None:
        raise MissingParam("token is missing")
    user = owner_of(Kind.LOGIN, body.token, role.server_name)
    if user is None:
        raise Forbidden("This is no login token of ours")
    return user
