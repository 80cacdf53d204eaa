"""The plugin's section of the configuration."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec

from hs_core.config import Section


class DelayedEventsConfig(Section, frozen=True, kw_only=True):
    """How much may be scheduled."""

    max_delay: timedelta = timedelta(days=1)
    """The longest delay that a client may ask for."""
    max_scheduled: Annotated[int, msgspec.Meta(ge=1)] = 100
    """Events that a user may have scheduled at once."""
