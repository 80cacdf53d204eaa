"""The plugin's section of the configuration."""

from __future__ import annotations

from datetime import timedelta

from hs_core.config import Section


class PusherConfig(Section, frozen=True, kw_only=True):
    """How patient this server is with push gateways."""

    timeout: timedelta = timedelta(seconds=20)
    """In which a gateway must have answered."""
    give_up_after: timedelta = timedelta(days=1)
    """Age at which a notification is not told any more."""
