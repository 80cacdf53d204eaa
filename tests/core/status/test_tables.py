"""An overview on a terminal."""

import io

import pytest
from rich.console import Console

from hs_core.status.overview import Overview, ProcessState, StreamState
from hs_core.status.tables import duration, ranges, tables, watched


def process(id_: str, name: str, **fields: object) -> ProcessState:
    made = ProcessState(id=id_, name=name, plugins=["rooms"], address="http://127.0.0.1:1", up_ms=60_000, ready=True)
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def stream(name: str, owners: dict[str, list[int]], unowned: list[int], plugin: str = "rooms") -> StreamState:
    slots = sum(map(len, owners.values())) + len(unowned)
    return StreamState(name=name, plugin=plugin, slots=slots, position=5, owners=owners, unowned=unowned)


def shown(seen: Overview) -> str:
    page = io.StringIO()
    Console(file=page, width=200).print(tables(seen))
    return page.getvalue()


def overview(processes: list[ProcessState], streams: list[StreamState], inactive: list[str]) -> Overview:
    return Overview(
        server_name="hs.test",
        database="postgresql",
        processes=processes,
        streams=streams,
        tasks=[stream("task: rooms: clean", {processes[0].id: [0]}, [])],
        inactive=inactive,
    )


def test_on_a_screen_what_is_wrong_comes_first() -> None:
    seen = overview([process("a-1", "a", problems=["it is tired"])], [], [])
    page = io.StringIO()
    Console(file=page, width=200).print(watched(seen))

    rows = [" ".join(line.split()) for line in page.getvalue().splitlines()]
    assert rows[:3] == [
        "hs.test, postgresql",
        "a: it is tired",
        "process plugins address up memory connections behind state",
    ]


def test_what_each_process_owns_and_what_nobody_does() -> None:
    processes = [process("a-1", "a"), process("b-1", "b", lag={"events": 7, "notes": 0}, problems=["it is tired"])]
    page = shown(overview(processes, [stream("events", {"a-1": [0, 1, 4], "b-1": [2]}, [3])], ["push"]))

    rows = [" ".join(line.split()) for line in page.splitlines()]
    assert rows == [
        "hs.test, postgresql",
        "process plugins address up memory connections behind state",
        "a rooms http://127.0.0.1:1 60 s 0 nothing ready",
        "b rooms http://127.0.0.1:1 60 s 0 events 7 see below",
        "stream plugin position owners of slots without owner",
        "events rooms 5 a 3, b 1 3",
        "task plugin position owners of slots without owner",
        "rooms: clean rooms 5 a",
        "b: it is tired",
        "the plugin 'push' is active nowhere",
        "the stream 'events' has 1 of 5 slots without an owner",
    ]


def test_what_belongs_to_an_inactive_plugin_is_told_once() -> None:
    seen = overview([process("a-1", "a")], [stream("pushes", {}, [0, 1], plugin="push")], ["push"])

    assert seen.problems == ["the plugin 'push' is active nowhere"]


def test_processes_of_one_name_are_told_apart() -> None:
    page = shown(overview([process("a-1", "a"), process("a-2", "a")], [], []))

    assert "\na-1 " in page
    assert "\na-2 " in page
    assert "all is well" in page


@pytest.mark.parametrize(("slots", "text"), [([], ""), ([3], "3"), ([0, 1, 2], "0-2"), ([0, 2, 3, 4, 9], "0, 2-4, 9")])
def test_ranges_are_compact(slots: list[int], text: str) -> None:
    assert ranges(slots) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(999, "0 s"), (119_000, "119 s"), (120_000, "2 min"), (7_200_000, "2 h"), (2**33, "99 d")],
)
def test_durations_are_as_exact_as_needed(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text
