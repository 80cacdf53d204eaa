"""The plugin's section of the configuration."""

from __future__ import annotations

from typing import Annotated

import msgspec

Seconds = Annotated[int, msgspec.Meta(ge=1)]


class LoginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long tokens are good for."""

    access_token_lifetime: Seconds = 3600
    """Seconds, for clients that can refresh their tokens; those of other clients do not expire."""
    refresh_token_lifetime: Seconds | None = None
    """Seconds since a refresh token was handed out; by default they do not expire."""
    login_token_lifetime: Seconds = 120
    """Seconds in which another device must use a token of `/login/get_token`."""
