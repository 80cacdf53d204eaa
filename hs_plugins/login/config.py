"""The plugin's section of the configuration."""

from __future__ import annotations

from datetime import timedelta

from hs_core.config import Section


class LoginConfig(Section, frozen=True, kw_only=True):
    """How long tokens are good for."""

    access_token_lifetime: timedelta = timedelta(hours=1)
    """Of clients that can refresh their tokens; those of other clients do not expire."""
    refresh_token_lifetime: timedelta | None = None
    """Since a refresh token was handed out; by default they do not expire."""
    login_token_lifetime: timedelta = timedelta(minutes=2)
    """In which another device must use a token of `/login/get_token`."""
    authentication_lifetime: timedelta = timedelta(minutes=30)
    """In which all stages of a user-interactive authentication must be completed."""


def milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
