"""How batches travel between processes: rows in MessagePack, behind who sent them and which version they have."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch

Row = TypeVar("Row")

SENDER_BYTES = 16
_VERSION_BYTES = 2


class Unreadable(Exception):
    """A message in a version, or of a form, that this process does not understand."""


class _Frame(msgspec.Struct, Generic[Row], frozen=True, array_like=True):
    """A batch; the last three are those of streams in memory."""

    after: int
    up_to: int
    rows: list[tuple[int, Row]]
    slot: int = 0
    epoch: int = 0
    whole: bool = False

    def batch(self, stream: str) -> Batch[Any]:
        return Batch(stream, self.after, self.up_to, self.rows, self.slot, self.epoch, self.whole)


class Codec:
    """The messages of one stream.

    Rows of the version before are understood, and of the one after, so that processes can be renewed one at a time. A
    version only adds fields to the row, at its end and with defaults, so that either reads what the other wrote.
    """

    def __init__(self, stream: Stream[Any]) -> None:
        self._name = stream.name
        self._version = stream.version
        self._encoder = msgspec.msgpack.Encoder()
        row: Any = stream.row
        self._decoder = msgspec.msgpack.Decoder(list[_Frame[row]])

    def encode(self, batches: Sequence[Batch[Any]]) -> bytes:
        """A message with these batches."""
        version = self._version.to_bytes(_VERSION_BYTES, "big")
        return version + self._encoder.encode([_fields(batch) for batch in batches])

    def decode(self, message: bytes) -> list[Batch[Any]]:
        """The batches of a message. Raises Unreadable."""
        version = int.from_bytes(message[:_VERSION_BYTES], "big")
        if abs(version - self._version) > 1:
            raise Unreadable(f"version {version} of {self._name!r}, and this process knows {self._version}")
        try:
            frames = self._decoder.decode(message[_VERSION_BYTES:])
        except msgspec.MsgspecError as error:
            raise Unreadable(f"a message of {self._name!r}: {error}") from error
        return [frame.batch(self._name) for frame in frames]


def _fields(batch: Batch[Any]) -> tuple[Any, ...]:
    lane = (batch.slot, batch.epoch, batch.whole) if batch.epoch else ()
    return (batch.after, batch.up_to, batch.rows, *lane)
