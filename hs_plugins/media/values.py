"""What is known of a file, and how long a client waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import msgspec

from hs_core.matrix.identifiers import UserId

DEFAULT_WAIT_MS: Final = 20_000
""" "The default value is 20000 (20 seconds)." """
LONGEST_WAIT_MS: Final = 60_000
""" "The content repository SHOULD impose a maximum value for this parameter." """


class Upload(NamedTuple):
    """What a client sends."""

    body: AsyncIterator[bytes]
    announced: int
    """Bytes, as far as the client says before it sends them."""
    content_type: str
    filename: str | None


class Stored(msgspec.Struct, frozen=True):
    """A file that is there, and how it is presented."""

    file_id: str
    content_type: str
    filename: str | None = None


class LocalMedia(msgspec.Struct, frozen=True):
    """What is at one of our URIs."""

    media_id: str
    user_id: UserId
    created_ts: int
    expires_ts: int | None
    """Until when it may be uploaded; `None` if it is."""
    file_id: str | None
    size: int
    content_type: str
    filename: str | None
    quarantined_by: UserId | None = None
    """The administrator who let nobody have it any more."""

    @property
    def stored(self) -> Stored | None:
        """The file, if it is uploaded."""
        return None if self.file_id is None else Stored(self.file_id, self.content_type, self.filename)

    def is_expired(self, now: int) -> bool:
        """Whether nobody may upload it any more, although nobody has."""
        return self.expires_ts is not None and self.expires_ts <= now

    def to_admin_json(self) -> dict[str, Any]:
        """As tools for administrators know it."""
        return {
            "media_id": self.media_id,
            "media_type": self.content_type,
            "media_length": self.size,
            "upload_name": self.filename,
            "created_ts": self.created_ts,
            "quarantined_by": self.quarantined_by,
        }


class Thumbnail(msgspec.Struct, frozen=True):
    """What became of the wish for a thumbnail."""

    file_id: str | None
    """`None`: the image is its own."""
    content_type: str
    problem: str | None
    """Why there is none."""
