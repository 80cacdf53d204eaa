"""Batches between processes, of which some may be a version ahead."""

from dataclasses import replace

import msgspec
import pytest

from hs_core.db import Transaction
from hs_core.plugin.declaration import Stream
from hs_core.plugin.discovery import discover
from hs_core.streams.batch import Batch
from hs_core.streams.wire import Codec, Unreadable
from tests.core.streams.notes import NOTES, Note, load_notes


class NextNote(msgspec.Struct, frozen=True, array_like=True):
    """The same row in the next version."""

    topic: str
    text: str
    likes: int = 0


def load_next(tx: Transaction, after: int, up_to: int, limit: int) -> list[tuple[int, NextNote]]:
    return [(position, NextNote(note.topic, note.text)) for position, note in load_notes(tx, after, up_to, limit)]


NEXT = Stream(NOTES.name, NextNote, load_next, slots=NOTES.slots, version=2)
BATCH = Batch(NOTES.name, 4, 6, [(5, Note("a", "x")), (6, Note("b", "y\0"))])


def test_batches_arrive_as_they_were_sent() -> None:
    codec = Codec(NOTES)

    assert codec.decode(codec.encode([BATCH, Batch(NOTES.name, 9, 9, [])])) == [BATCH, Batch(NOTES.name, 9, 9, [])]


def test_the_version_before_is_understood() -> None:
    assert Codec(NEXT).decode(Codec(NOTES).encode([BATCH]))[0].rows[0] == (5, NextNote("a", "x", 0))


def test_the_version_after_is_understood() -> None:
    message = Codec(NEXT).encode([Batch(NOTES.name, 0, 1, [(1, NextNote("a", "x", 5))])])

    assert Codec(NOTES).decode(message)[0].rows[0] == (1, Note("a", "x"))


def test_other_versions_are_not_guessed_at() -> None:
    with pytest.raises(Unreadable, match="version 3"):
        Codec(NOTES).decode(Codec(replace(NEXT, version=3)).encode([]))


@pytest.mark.parametrize("message", [b"", b"\0", b"\0\1", b"\0\1\xc1", b"\0\1\x91\x93\1\2\x91\x92\1\x91\1"])
def test_what_is_no_message_is_unreadable(message: bytes) -> None:
    with pytest.raises(Unreadable):
        Codec(NOTES).decode(message)


def test_the_rows_of_every_installed_plugin_can_travel() -> None:
    streams = [stream for plugin in discover().plugins.values() for stream in plugin.writes]

    assert streams
    for stream in streams:
        assert Codec(stream).decode(Codec(stream).encode([])) == []
