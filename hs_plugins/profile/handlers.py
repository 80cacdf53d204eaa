"""`/profile` (client-server API, "Profiles")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from hs_core.errors import Forbidden, GuestForbidden, MissingParam, NotFound
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.canonical_json import encode_json
from hs_core.matrix.identifiers import UserId, server_name_of
from hs_core.plugin.hookspecs import fetch_profile, make_user
from hs_plugins.profile.fields import IN_ROOMS, check_key
from hs_plugins.profile.role import ProfileRole


async def get_profile(role: ProfileRole, request: Request) -> Response:
    return json_response(await _profile(role, request.user_id("user_id"), None))


async def get_field(role: ProfileRole, request: Request) -> Response:
    """NOTSPEC: a name or an avatar that is not set is answered with an empty object instead of 404, as it always was
    before there were other fields: clients take 404 to mean that there is no such user.
    """
    name = request.params["name"]
    check_key(name)
    fields = await _profile(role, request.user_id("user_id"), name)
    if name not in fields and name in IN_ROOMS:
        return empty()
    if name not in fields:
        raise NotFound(f"There is no {name} in this profile")
    return json_response({name: fields[name]})


async def put_field(role: ProfileRole, request: Request) -> Response:
    user, name = _own(request)
    check_key(name)
    body = await request.json_object(canonical=False)
    if name not in body:
        raise MissingParam(f"The body has no {name}")
    await role.calls.set_field(user, name, encode_json(body[name]))
    return empty()


async def delete_field(role: ProfileRole, request: Request) -> Response:
    user, name = _own(request)
    await role.calls.delete_field(user, name)
    return empty()


def _own(request: Request) -> tuple[UserId, str]:
    """Everybody may change their own profile only; "Guest users may only modify their display name"."""
    user, name, asker = request.user_id("user_id"), request.params["name"], request.asker
    if asker.is_guest and name != "displayname":
        raise GuestForbidden
    if asker.is_suspended:
        raise Forbidden("You cannot change your profile while suspended", errcode="M_USER_SUSPENDED")
    if user != asker.user_id:
        raise Forbidden("This is another user's profile")
    return user, name


async def _profile(role: ProfileRole, user: UserId, name: str | None) -> Mapping[str, Any]:
    """Raises NotFound if the user does not exist, as far as can be known."""
    if server_name_of(user) != role.server_name:
        fetched = await role.hooks.first(fetch_profile, user, name)
        if fetched is None:
            raise NotFound("The user's server does not tell")
        return fetched
    fields = await role.profiles.fields(user)
    if not fields and await role.users.account(user) is None:
        if not await role.hooks.first(make_user, user):
            raise NotFound("There is no such user")
        fields = await role.profiles.fields(user)
    return fields
