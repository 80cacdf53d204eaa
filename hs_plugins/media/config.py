"""The plugin's section of the configuration."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec

from hs_core.config import Section
from hs_core.config.values import Size


class MediaConfig(Section, frozen=True, kw_only=True):
    """What may be uploaded is sized by `media` at the top of the file; this is about the rest."""

    quota: Size | None = Size(10 << 30)
    """Of all uploads of one user together; `null` for no limit. Who has no rate limit has none here, either."""
    max_pending: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    """URIs that a user may have made and not uploaded to yet."""
    unused_expires_after: timedelta = timedelta(days=1)
    """How long an upload may be put off after its URI was made."""
    without_token: bool = False
    """Whether files are served at the deprecated endpoints, too, which ask for no access token: for clients and bridges
    that know no others. The specification wants these endpoints frozen.
    """
    max_image_pixels: Annotated[int, msgspec.Meta(ge=1, le=500_000_000)] = 50_000_000
    """Of a larger image no thumbnail is made."""
    thumbnails_at_once: Annotated[int, msgspec.Meta(ge=1, le=64)] = 2
    """That a process makes, one for each user; each may take a gigabyte for a few seconds."""
