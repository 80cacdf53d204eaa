"""What the plugin speaks of."""

import msgspec

from hs_core.matrix.identifiers import UserId


class Entry(msgspec.Struct, frozen=True):
    """What somebody wrote in a book; a row of the stream carries it whole, so that nobody must read it again."""

    owner: UserId
    author: UserId
    text: str
    written_at: int
    """Milliseconds since the epoch."""
