"""The plugin's section of the configuration."""

from typing import Annotated

import msgspec

from hs_core.config import Section


class SyncConfig(Section, frozen=True, kw_only=True):
    """How much is in memory for clients that are up to date; those that were away longer are told from the database."""

    recent_events: Annotated[int, msgspec.Meta(ge=0)] = 50_000
    """The newest events of all rooms; with `recent_bytes` whichever is less."""
    recent_bytes: Annotated[int, msgspec.Meta(ge=0)] = 16 * 1024 * 1024
    """What they may take."""
