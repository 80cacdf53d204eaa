"""The acts of an administrator, as values that can be sent to a live server."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

MAX_SHOWN = 1000
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=255, pattern=r"^[^\x00]+$")]


class Action(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    """One act."""


class CreateUser(Action, frozen=True, kw_only=True, tag="create user"):
    name: Name
    password: str | None
    admin: bool = False


class ListUsers(Action, frozen=True, kw_only=True, tag="list users"):
    """At most `MAX_SHOWN`, after one of them."""

    after: Name | None = None


class SetPassword(Action, frozen=True, kw_only=True, tag="set password"):
    name: Name
    password: str
    log_out: bool = True


class SetAdmin(Action, frozen=True, kw_only=True, tag="set admin"):
    name: Name
    admin: bool


class Deactivate(Action, frozen=True, kw_only=True, tag="deactivate"):
    name: Name
    erase: bool = False


class CreateToken(Action, frozen=True, kw_only=True, tag="create token"):
    token: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._~-]{1,64}$")] | None = None
    uses: Annotated[int, msgspec.Meta(ge=1)] | None = None
    expires_ts: int | None = None


class ListTokens(Action, frozen=True, kw_only=True, tag="list tokens"):
    """At most `MAX_SHOWN`."""


class DeleteToken(Action, frozen=True, kw_only=True, tag="delete token"):
    token: Name


Any: TypeAlias = CreateUser | ListUsers | SetPassword | SetAdmin | Deactivate | CreateToken | ListTokens | DeleteToken


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """An act, and the proof that it is asked for by somebody who has the server's signing key."""

    nonce: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9]{1,64}$")]
    action: str
    """JSON."""
    signature: str


def to_be_signed(nonce: str, action: str) -> bytes:
    """What begins like this is no event and no request between servers, which are JSON objects."""
    return f"hs administration\n{nonce}\n{action}".encode()
