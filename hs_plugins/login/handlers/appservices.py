"""What application services may do with accounts, and others may not (application service API, "Registration")."""

from __future__ import annotations

from typing import Final

from hs_core.errors import Exclusive, Forbidden, MissingToken, UnknownToken
from hs_core.http.authenticate import access_token
from hs_core.http.request import Request
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import UserId
from hs_core.plugin.hookspecs import check_token, claims_on
from hs_plugins.login.role import LoginRole

APPSERVICE: Final = "m.login.application_service"


async def appservice_of(role: LoginRole, request: Request) -> Requester:
    """The application service whose token the request has. Raises MissingToken, UnknownToken, Forbidden."""
    token = access_token(request)
    if token is None:
        raise MissingToken
    asker = await role.hooks.first(check_token, token)
    if asker is None:
        raise UnknownToken
    if asker.appservice is None:
        raise Forbidden("Only application services may do this")
    return asker


async def require_claim(role: LoginRole, asker: Requester, user: UserId) -> None:
    """Raises Exclusive unless the user ID is in a namespace of the application service, or is its own."""
    claims = await role.hooks.first(claims_on, user)
    claimed = claims is not None and asker.appservice in claims.interested
    if not claimed and user != asker.user_id:
        raise Exclusive("The user ID is in no namespace of this application service")


async def refuse_reserved(role: LoginRole, user: UserId) -> None:
    """Raises Exclusive if the user ID is for an application service only."""
    claims = await role.hooks.first(claims_on, user)
    if claims is not None and claims.exclusive:
        raise Exclusive
