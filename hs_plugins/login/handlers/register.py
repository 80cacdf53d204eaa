"""`POST /register` and what belongs to it (client-server API, "Account registration")."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
from starlette.responses import Response

from hs_core.errors import Exclusive, Forbidden, InvalidParam, MissingParam, UserInUse
from hs_core.http.authenticate import token_hash
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.identifiers import UserId
from hs_core.plugin.hookspecs import RegistrationRequest, check_registration, registration_flows
from hs_plugins.login.handlers.appservices import APPSERVICE, appservice_of, refuse_reserved, require_claim
from hs_plugins.login.handlers.bodies import DeviceWish, log_in
from hs_plugins.login.interactive.stages import DUMMY, REGISTRATION_TOKEN
from hs_plugins.login.interactive.values import Operation, Outcome
from hs_plugins.login.names import user_id_for
from hs_plugins.login.proof import prove
from hs_plugins.login.role import LoginRole
from hs_plugins.login.store import registration, tokens
from hs_plugins.login.values import NewAccount


class Wishes(DeviceWish, kw_only=True, omit_defaults=True):
    """What a registration may say; all of it may be said in the first request of a session only."""

    username: str | None = None
    inhibit_login: bool | None = None
    guest_access_token: str | None = None
    password_hash: str | None = None
    """Ours, of the `password`: only that is remembered."""


class RegisterBody(Wishes, kw_only=True):
    password: str | None = None
    auth: dict[str, Any] | None = None
    type: str | None = None
    """Only application services say what they do."""


async def post_register(role: LoginRole, request: Request) -> Response:
    kind = request.query_text("kind", "user")
    if kind == "guest":
        return await _register_guest(role, request)
    if kind != "user":
        raise InvalidParam("kind must be user or guest")
    body = await request.json(RegisterBody, allow_empty=True)
    if body.type == APPSERVICE:
        return await _register_for_appservice(role, request, body)
    if not role.settings.registration.enabled:
        raise Forbidden("Registration is disabled")
    taken = await _taken(role, body) if body.username is not None else None
    if taken is not None and not (body.auth and body.auth.get("session")):
        raise UserInUse
    outcome = await _prove(role, request, body)
    wishes = _merged(outcome.remembered, body)
    if outcome.result is not None:
        user = UserId(outcome.result)
    elif taken is not None:
        raise UserInUse
    else:
        user = await _register(role, request, wishes, outcome)
    return await _answer(role, user, wishes)


async def get_available(role: LoginRole, request: Request) -> Response:
    """`GET /register/available`."""
    user = user_id_for(request.query_required("username"), role.server_name)
    await refuse_reserved(role, user)
    if await role.users.account(user) is not None:
        raise UserInUse
    return json_response({"available": True})


async def get_token_validity(role: LoginRole, request: Request) -> Response:
    """`GET /register/m.login.registration_token/validity`."""
    token = request.query_required("token")
    if not role.settings.registration.enabled:
        raise Forbidden("Registration is not enabled on this homeserver")
    found = await role.db.read(lambda tx: registration.token(tx, token))
    return json_response({"valid": found is not None and found.is_good(role.clock.now_ms())})


async def _register_guest(role: LoginRole, request: Request) -> Response:
    """ "all parameters in the request body with the exception of `initial_device_display_name` MUST BE ignored" """
    if not role.settings.registration.guests:
        raise Forbidden("Guest accounts are disabled")
    body = await request.json_object(allow_empty=True, canonical=False)
    name = body.get("initial_device_display_name")
    user = _new_user(role, "guest")
    await _ask_others(role, request, user, guest=True)
    await role.accounts.register(user, NewAccount(is_guest=True))
    wish = DeviceWish(initial_device_display_name=name if isinstance(name, str) else None)
    return await log_in(role, user, wish.login())


async def _register_for_appservice(role: LoginRole, request: Request, body: RegisterBody) -> Response:
    """ "Server admin style permissions": no stages, and only names that the service claims."""
    asker = await appservice_of(role, request)
    if body.username is None:
        raise MissingParam("username is missing")
    user = user_id_for(body.username, role.server_name)
    await require_claim(role, asker, user)
    await role.accounts.register(user, NewAccount(password=body.password, appservice=asker.appservice))
    return await _answer(role, user, body)


async def _taken(role: LoginRole, body: RegisterBody) -> UserId | None:
    """Whether somebody else has the name.

    "Homeservers MUST perform the relevant checks and return these codes before performing User-Interactive
    Authentication". Raises InvalidUsername.
    """
    assert body.username is not None
    user = user_id_for(body.username, role.server_name)
    await refuse_reserved(role, user)
    if body.guest_access_token is not None:
        return None
    return None if await role.users.account(user) is None else user


async def _prove(role: LoginRole, request: Request, body: RegisterBody) -> Outcome:
    if body.password is not None:
        body.password_hash = await role.passwords.hash(body.password)
    flows = await role.hooks.first(registration_flows)
    if flows is None:
        flows = ((REGISTRATION_TOKEN,),) if role.settings.registration.require_token else ((DUMMY,),)
    return await prove(
        role.interactive,
        Operation(
            what=b"register",
            user_id=None,
            flows=tuple(tuple(stages) for stages in flows),
            auth=body.auth,
            remember=msgspec.json.encode(_wishes(body)),
            address=request.client_ip,
        ),
    )


def _wishes(body: RegisterBody) -> Wishes:
    return Wishes(**{name: getattr(body, name) for name in Wishes.__struct_fields__})


def _merged(remembered: bytes, body: RegisterBody) -> Wishes:
    """What the session's first request said, as far as this one does not say otherwise."""
    said = orjson.loads(msgspec.json.encode(_wishes(body)))
    return msgspec.convert({**orjson.loads(remembered or b"{}"), **said}, Wishes)


async def _register(role: LoginRole, request: Request, wishes: Wishes, outcome: Outcome) -> UserId:
    user = _new_user(role, "user") if wishes.username is None else user_id_for(wishes.username, role.server_name)
    await _ask_others(role, request, user)
    if wishes.guest_access_token is not None:
        await _require_guest(role, wishes.guest_access_token, user)
    new = NewAccount(
        password_hash=wishes.password_hash,
        registration_token=outcome.completed.get(REGISTRATION_TOKEN),
        session=outcome.session,
        upgrades_guest=wishes.guest_access_token is not None,
    )
    await role.accounts.register(user, new)
    return user


async def _answer(role: LoginRole, user: UserId, wishes: Wishes) -> Response:
    if wishes.inhibit_login:
        return json_response({"user_id": user, "home_server": role.server_name})
    return await log_in(role, user, wishes.login())


async def _ask_others(role: LoginRole, request: Request, user: UserId, *, guest: bool = False) -> None:
    """Raises Forbidden if a plugin does not want this registration."""
    asked = RegistrationRequest(
        localpart=user[1:].partition(":")[0],
        address=request.client_ip or None,
        user_agent=request.header(b"user-agent"),
        guest=guest,
    )
    refusal = await role.hooks.refusal(check_registration, asked)
    if refusal is not None and refusal.errcode == "M_EXCLUSIVE":
        raise Exclusive(refusal.message)
    if refusal is not None:
        raise Forbidden(refusal.message, errcode=refusal.errcode)


async def _require_guest(role: LoginRole, token: str, user: UserId) -> None:
    """ "They are also required to specify the `username` parameter to the value of the local part" of their own."""
    hashed = token_hash(token)
    owner = await role.db.read(lambda tx: tokens.owner(tx, hashed))
    if owner is None or not owner.is_guest or owner.user_id != user:
        raise Forbidden("The guest access token is not this user's")


def _new_user(role: LoginRole, kind: str) -> UserId:
    return user_id_for(f"{kind}-{role.clock.random_text(12)}", role.server_name)
