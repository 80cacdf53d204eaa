"""Have the user of a request prove who they are before it is done. Part of the door, `api.py`."""

from __future__ import annotations

from typing import Any

from hs_core.errors import BadJson
from hs_core.http.request import Request
from hs_core.matrix.canonical_json import encode_canonical
from hs_plugins.login.interactive.protocol import Interactive
from hs_plugins.login.interactive.values import AuthRequired, Operation, Outcome


async def prove_identity(interactive: Interactive, request: Request, *, once: bool = False) -> None:
    """Return once whoever asks has proven that they are the request's user; until then raise AuthRequired (401).

    The proof is for this request alone: the same method, path, user and body, but for `auth`. With `once` it is good
    for only one such request. Application services need not prove anything.
    """
    asker = request.asker
    if asker.appservice is not None:
        return
    body = await request.json_object(allow_empty=True, canonical=False)
    auth = auth_of(body)
    said = encode_canonical({key: value for key, value in body.items() if key != "auth"}, strict=False)
    what = b"\0".join([request.method.encode(), request.path.encode(), asker.user_id.encode(), said])
    await prove(
        interactive,
        Operation(what=what, user_id=asker.user_id, auth=auth, address=request.client_ip, once=once),
    )


async def prove(interactive: Interactive, operation: Operation) -> Outcome:
    """Raises AuthRequired until it is proven."""
    outcome = await interactive.attempt(operation)
    if outcome.challenge is not None:
        raise AuthRequired(outcome.challenge)
    return outcome


def auth_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """The `auth` of a body. Raises BadJson."""
    auth = body.get("auth")
    if auth is not None and not isinstance(auth, dict):
        raise BadJson("auth must be an object")
    return auth
