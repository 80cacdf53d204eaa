"""The plugin's section of the configuration. A field's docstring is its entry in a reference."""

from datetime import timedelta
from typing import Annotated

import msgspec

from hs_core.config import Section


class GuestbookConfig(Section, frozen=True, kw_only=True):
    """Under `plugins: {guestbook: ...}`."""

    max_length: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    """Characters of an entry."""
    keep: timedelta = timedelta(days=365)
    """How long entries stay."""
    sign_before_invite: bool = False
    """Whether one may invite only those whose book one has signed."""
