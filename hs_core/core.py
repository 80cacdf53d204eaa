"""What a plugin's `start` is given: the parts of the core, by name. Only `start` sees it, and hands parts on."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from hs_core.clock import Clock
from hs_core.cluster.calls import ReadSides, Services
from hs_core.config import Config
from hs_core.db import Database
from hs_core.http.authenticate import Authenticator
from hs_core.matrix.identifiers import ServerName
from hs_core.matrix.signing import SigningKey
from hs_core.outbound import Bounds, Outbound
from hs_core.plugin.declaration import Plugin, Stream
from hs_core.plugin.hooks import Hooks
from hs_core.streams.announcer import Announcer
from hs_core.streams.follower import Follower
from hs_core.streams.registry import Streams
from hs_core.streams.writer import Writer
from hs_core.telemetry import Hits

Row = TypeVar("Row", bound=msgspec.Struct)
Section = TypeVar("Section", bound=msgspec.Struct)


@dataclass(frozen=True)
class Core:
    """One process's core."""

    server_name: ServerName
    signing_key: SigningKey
    config: Config
    clock: Clock
    db: Database
    streams: Streams
    services: Services
    read_sides: ReadSides
    hooks: Hooks
    authenticator: Authenticator
    installed: Mapping[str, Plugin]
    """Every plugin of the environment by name, active here or not."""
    caches: dict[str, Hits] = field(default_factory=dict)
    """Caches by name: a plugin adds its own as it opens them. Prometheus is told of them, `memory.limit` sizes them."""
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process begins to stop: whoever waits for news answers with what there is."""

    def writer(self, stream: Stream[Row]) -> Writer[Row]:
        """To write a stream that the plugin declares to write."""
        return self.streams.writer(stream)

    def announcer(self, stream: Stream[Row]) -> Announcer[Row]:
        """To write a stream in memory that the plugin declares to write."""
        return self.streams.announcer(stream)

    def follower(self, stream: Stream[Row]) -> Follower[Row]:
        """This process's place in a stream that the plugin declares to read."""
        return self.streams.follower(stream)

    def outbound(self, bounds: Bounds | None = None, *, private: bool | None = None) -> Outbound:
        """A way to hosts elsewhere for requests that are not federation, to be entered as a context in `start`.

        `private` overrides whether private addresses may be asked: for URLs that the administrator chose. A plugin
        that uses this declares `outbound=True`.
        """
        return Outbound(self.config.outbound, bounds or Bounds(), private=private)

    def section(self, plugin: str, model: type[Section]) -> Section:
        """The plugin's own section of the configuration, as its declaration types it."""
        section = self.config.plugins[plugin]
        assert isinstance(section, model)
        return section
