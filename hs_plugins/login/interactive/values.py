"""What is asked of somebody who has to prove who they are. Part of the door, `api.py`."""

from __future__ import annotations

from typing import Any

import msgspec

from hs_core.errors import MatrixError
from hs_core.matrix.identifiers import UserId


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has to prove their identity for, and how they try ("User-Interactive Authentication API")."""

    what: bytes
    """Method, path, user and parameters: two requests with the same are the same operation."""
    user_id: UserId | None
    """Who must prove that they are it; `None` for a registration."""
    flows: tuple[tuple[str, ...], ...] = ()
    """The stages of each flow. None: those in which this user can prove their identity."""
    auth: dict[str, Any] | None = None
    """The request's `auth`."""
    remember: bytes = b""
    """Parameters that later requests of the session may leave out, for operations that allow that."""
    address: str = ""
    """The client's."""
    once: bool = False
    """Whether the proof is good for one request only: "servers MUST always re-prompt"."""


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing for the proof ("Authentication response")."""

    flows: tuple[tuple[str, ...], ...]
    params: dict[str, Any]
    session: str
    completed: tuple[str, ...] = ()
    errcode: str | None = None
    error: str | None = None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Of one attempt."""

    challenge: Challenge | None = None
    """What is missing; `None` once the identity is proven."""
    completed: dict[str, str] = {}
    """What came of each stage: the registration token that was given, say."""
    remembered: bytes = b""
    """The `remember` of the session's first request."""
    result: str | None = None
    """What the operation made when it was done before, in this same session."""
    session: bytes | None = None
    """The hash of the session key, if there is a session."""


class AuthRequired(MatrixError):
    """401 with what is missing; it has an `errcode` only if an attempt has failed."""

    def __init__(self, challenge: Challenge) -> None:
        super().__init__(401, challenge.errcode or "M_FORBIDDEN", challenge.error or "Authentication is required")
        self.challenge = challenge

    def body(self) -> dict[str, Any]:
        challenge = self.challenge
        body: dict[str, Any] = {
            "flows": [{"stages": list(stages)} for stages in challenge.flows],
            "params": challenge.params,
            "session": challenge.session,
        }
        if challenge.completed or challenge.errcode is not None:
            body["completed"] = list(challenge.completed)
        if challenge.errcode is not None:
            body |= {"errcode": challenge.errcode, "error": challenge.error or ""}
        return body
