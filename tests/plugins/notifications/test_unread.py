"""Counts in memory against the plainest way to count: go through everything again."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from hs_core.matrix.identifiers import RoomId
from hs_plugins.notifications import unread
from hs_plugins.notifications.unread import Changes, Entry, RoomUnread

THREADS = ["main", "$one", "$two"]

happenings = st.lists(
    st.one_of(
        st.tuples(st.just("notified"), st.sampled_from(THREADS), st.booleans()),
        st.tuples(st.just("read"), st.sampled_from([None, *THREADS]), st.integers(1, 60)),
        st.tuples(st.just("removed"), st.none(), st.integers(1, 60)),
    ),
    max_size=60,
)


def plainly(entries: list[Entry], reads: dict[str | None, int]) -> dict[str, tuple[int, int]]:
    counted: dict[str, tuple[int, int]] = {}
    for entry in entries:
        if entry.position > max(reads.get(None, 0), reads.get(entry.thread_id, 0)):
            count, highlights = counted.get(entry.thread_id, (0, 0))
            counted[entry.thread_id] = (count + 1, highlights + entry.highlight)
    return counted


def told(room: RoomUnread) -> Iterator[tuple[str, tuple[int, int]]]:
    shown = room.to_json(per_thread=True)
    threads = {"main": shown["unread_notifications"], **shown.get("unread_thread_notifications", {})}
    for thread, counts in threads.items():
        if counts["notification_count"]:
            yield thread, (counts["notification_count"], counts["highlight_count"])


@given(happenings)
def test_counts_are_exact_as_long_as_they_are_said_to_be_known(happened: list[tuple[str, str | None, int]]) -> None:
    room, entries, reads = RoomUnread(0), list[Entry](), dict[str | None, int]()
    for position, (kind, thread, number) in enumerate(happened, 1):
        if kind == "notified":
            entries.append(Entry(position, thread or "main", bool(number)))
            room.add(entries[-1])
        elif kind == "read":
            reads[thread] = max(number, reads.get(thread, 0))
            assert room.read(thread, number), "memory has all of them"
        else:
            entries = [entry for entry in entries if entry.position != number]
            assert room.remove(number)
        assert dict(told(room)) == plainly(entries, reads)
        total = room.to_json(per_thread=False)["unread_notifications"]
        assert total["notification_count"] == sum(count for count, _ in plainly(entries, reads).values())


def test_what_memory_has_forgotten_must_be_looked_up() -> None:
    room = RoomUnread(0)
    for position in range(1, unread.MAX_RECENT + 11):
        room.add(Entry(position, "main", False))

    assert room.read("main", 10)
    assert room.tallies["main"].notifications == unread.MAX_RECENT
    assert not room.read("main", 5), "an older receipt, of which memory cannot say what it was for"
    assert room.read("main", unread.MAX_RECENT + 10)
    assert not room.tallies


def test_changes_are_found_whatever_their_order() -> None:
    changes, one, two, three = Changes(0), RoomId("!one"), RoomId("!two"), RoomId("!three")
    changes.note(one, 10)
    changes.note(two, 8)
    changes.note(three, 12)

    assert changes.after(12) == []
    assert changes.after(11) == [three]
    assert set(changes.after(9)) >= {one, three}
    assert set(changes.after(7)) == {one, two, three}
