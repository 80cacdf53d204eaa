"""What is said about declarations that do not fit together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from starlette.responses import Response

from hs_core.cluster.feeds import Portion
from hs_core.config import Process
from hs_core.core import Core
from hs_core.db import Transaction
from hs_core.http.request import Request
from hs_core.plugin import Feed, Kept, Parts, Plugin, Route, Section, Service, Stream, Task, Window, nothing_stored
from hs_core.plugin.checks import (
    check_active,
    check_deployment,
    check_installed,
    check_streams,
    inactive,
    unused_tags,
)
from hs_core.plugin.discovery import Broken


class Row(msgspec.Struct, frozen=True):
    """A row."""


async def answer(role: Any, request: Request) -> Response:
    return Response()


def load(tx: Transaction, after: int, up_to: int, limit: int) -> Sequence[tuple[int, Row]]:
    return []


async def run(role: Any) -> None: ...


async def be_fed(role: Any, portion: Portion) -> None: ...


@asynccontextmanager
async def start(core: Core) -> AsyncIterator[None]:
    yield


def section(key: str, stream: Stream[Row]) -> Section[Row]:
    return Section(key, stream, concerns=lambda row: (), open=lambda core: Reader())


class Reader:
    async def collect(self, window: Window) -> Parts | None:
        return None


EVENTS, TYPING = Stream("events", Row, load), Stream("typing", Row, load)
ROOMS = Service[Any]("rooms", owner=EVENTS)
ROOMS_PLUGIN = Plugin("rooms", writes=[EVENTS], serves=[ROOMS], start=start)
SYNC_ROUTE = Route("GET", "/_matrix/client/(?:v3|r0)/sync", answer)
TWICE = Task("clean", timedelta(hours=1), run)


def test_plugins_that_fit_together_are_silent() -> None:
    sync = Plugin("sync", requires=["rooms"], reads=["events"], routes=[SYNC_ROUTE], shows_sections=True)
    typing = Plugin("typing", writes=[TYPING], sections=[section("t", TYPING)])

    assert check_installed([ROOMS_PLUGIN, sync, typing]) == []


@pytest.mark.parametrize(
    ("plugin", "line"),
    [
        (Plugin("sync", requires=["room"]), "the plugin 'sync' requires 'room', which is not installed; install it"),
        (
            Plugin("sync", reads=["event"]),
            "the plugin 'sync' reads the stream 'event', which nobody writes; did you mean 'events'?",
        ),
        (
            Plugin("typing", sections=[section("t", TYPING)]),
            "the plugin 'typing' adds a section of the stream 'typing', which nobody writes; known here: events",
        ),
        (
            Plugin("more", sections=[section("e", EVENTS)]),
            "the plugin 'more' has a section with the key 'e'; choose one to eight letters, not 'e'",
        ),
        (
            Plugin("more", sections=[section("x", EVENTS), section("x", EVENTS)]),
            "the key of tokens 'x' is used by 'more' and by 'more'; only one plugin can",
        ),
        (
            Plugin("other", writes=[EVENTS]),
            "the stream 'events' is written by 'rooms' and by 'other'; only one plugin can",
        ),
        (
            Plugin("other", serves=[Service[Any]("rooms")], start=start),
            "the service 'rooms' is served by 'rooms' and by 'other'; only one plugin can",
        ),
        (
            Plugin("other", serves=[Service[Any]("typing", owner=TYPING)], start=start),
            "the plugin 'other' serves 'typing' where 'typing' is owned, but does not write that stream; "
            "name one that it writes",
        ),
        (
            Plugin("other", serves=[Service[Any]("other")]),
            "the plugin 'other' serves 'other' but has no start; let start yield it",
        ),
        (Plugin("other", tasks=[TWICE, TWICE]), "the plugin 'other' has two tasks 'clean'; rename one"),
    ],
)
def test_a_declaration_that_does_not_fit_is_named_with_a_remedy(plugin: Plugin, line: str) -> None:
    assert check_installed([ROOMS_PLUGIN, plugin]) == [line]


def test_two_owners_of_one_url_are_both_named() -> None:
    one = Plugin("sync", routes=[SYNC_ROUTE])
    other = Plugin("sliding", routes=[Route("GET", "/_matrix/client/v3/sync", answer)])

    (line,) = check_installed([one, other])

    assert "GET" in line
    assert "/sync is claimed by 'sync' and by 'sliding'" in line


def test_a_path_that_cannot_be_compiled_is_blamed_on_its_plugin() -> None:
    (line,) = check_installed([Plugin("odd", routes=[Route("GET", "/a(b", answer)])])

    assert "odd" in line
    assert "/a(b" in line


def test_what_is_required_must_be_active_somewhere() -> None:
    plugins = {"rooms": ROOMS_PLUGIN, "sync": Plugin("sync", requires=["rooms"])}

    assert check_active(plugins, ["rooms", "sync"]) == []
    assert check_active(plugins, ["sync"]) == [
        "the plugin 'sync' requires 'rooms', which is not active; activate it too"
    ]


def test_a_pinned_stream_must_exist() -> None:
    assert check_streams([ROOMS_PLUGIN], ["events", "evnts"]) == [
        "streams.evnts: no plugin writes such a stream; did you mean 'events'?"
    ]


def test_a_feed_needs_a_stream_that_is_kept() -> None:
    kept, lost = Stream("kept", Row, load), Stream("lost", Row, nothing_stored)
    writer = Plugin("writer", writes=[kept, lost])
    feeds = [Feed(name, name, be_fed) for name in ("kept", "lost", "krept")]

    assert check_installed([writer, Plugin("fed", feeds=feeds)]) == [
        "the plugin 'fed' is fed by 'lost', which is lost with its writer; read it",
        "the plugin 'fed' is fed by the stream 'krept', which nobody writes; did you mean 'kept'?",
    ]
    assert check_installed([writer, Plugin("fed", feeds=[Feed("kept", "kept", be_fed)] * 2)]) == [
        "the plugin 'fed' has two tasks 'kept'; rename one"
    ]


def test_only_streams_in_memory_say_what_is_kept() -> None:
    kept: Kept[Row] = Kept(key=lambda row: "", nothing=lambda key: Row())
    writes = [Stream("lost", Row, nothing_stored, kept=kept), Stream("stored", Row, load, kept=kept)]

    assert check_installed([Plugin("writer", writes=writes)]) == [
        "the stream 'stored' of 'writer' is stored; take away what it says is `kept`"
    ]


def test_what_is_needed_must_be_active_in_some_process() -> None:
    plugins = {"rooms": Plugin("rooms"), "sync": Plugin("sync", requires=["rooms"]), "push": Plugin("push")}

    assert check_deployment(plugins, {"a": ["sync"], "b": ["rooms"]}, {}) == []
    assert check_deployment(plugins, {"a": ["sync"], "b": ["push"]}, {}) == [
        "the plugin 'rooms' is active in no process, and 'sync' needs it; add it to the plugins of one"
    ]
    assert check_deployment(plugins, {}, {}) == []
    assert inactive(plugins, {"a": ["sync"], "b": ["rooms"]}) == ["push"]


def test_what_many_need_is_one_line() -> None:
    needy = [Plugin(name, requires=["rooms"]) for name in "abcde"]
    plugins = {plugin.name: plugin for plugin in [Plugin("rooms"), *needy]}

    assert check_deployment(plugins, {"all": [*"abcde"]}, {}) == [
        "the plugin 'rooms' is active in no process, and 'a', 'b', 'c' and 2 more need it; add it to the plugins of one"
    ]


def test_a_plugin_that_does_not_load_is_named_and_not_what_follows_from_that() -> None:
    broken = [Broken("rooms", "hs", "SyntaxError"), Broken("bridge", "hs-bridge", "ImportError")]
    sync = Plugin("sync", requires=["rooms"], reads=["events"])
    client = Plugin("client", requires=["sync"], reads=["events"])

    assert check_installed([sync, client], broken) == [
        "the plugin 'rooms' of the package hs does not load: SyntaxError"
    ]
    assert check_installed([sync], []) == [
        "the plugin 'sync' requires 'rooms', which is not installed; install it",
        "the plugin 'sync' reads the stream 'events', which nobody writes; nothing can be set here",
    ]


def test_a_tag_that_no_reverse_proxy_knows_is_pointed_out() -> None:
    initial = Route("GET", "/_matrix/client/v3/initialSync", answer, tag="initial_sync")
    plugins = {"sync": Plugin("sync", routes=[initial]), "rooms": Plugin("rooms")}
    processes = {
        "good": Process(plugins=("sync",), tags=("initial_sync",)),
        "misspelt": Process(plugins=("sync",), tags=("inital_sync",)),
        "other": Process(plugins=("rooms",), tags=("initial_sync",)),
    }

    active = {name: process.plugins for name, process in processes.items()}
    assert list(unused_tags(plugins, active, processes)) == [
        "processes.misspelt: no route has the tag 'inital_sync', so a reverse proxy sends nothing there; "
        "did you mean 'initial_sync'?",
        "processes.other: the tag 'initial_sync' is for the plugin 'sync', which is not active there",
    ]


def test_a_stream_can_only_be_pinned_to_who_may_write_it() -> None:
    plugins = {"rooms": Plugin("rooms", writes=[Stream("events", Row, load)]), "sync": Plugin("sync")}
    processes = {"a": ["rooms"], "b": ["sync"], "c": ["rooms"]}

    assert check_deployment(plugins, processes, {"events": ["a", "b"]}) == []
    assert check_deployment(plugins, processes, {"events": ["b"]}) == [
        "streams.events: none of these processes has the plugin 'rooms'; name a, c"
    ]
