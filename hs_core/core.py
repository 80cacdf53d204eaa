"""What a plugin's `start` is given: the parts of the core, by name. Only `start` sees it, and hands parts on."""

from dataclasses import dataclass
from typing import TypeVar

import msgspec

from hs_core.clock import Clock
from hs_core.cluster.calls import ReadSides, Services
from hs_core.db import Database
from hs_core.matrix.identifiers import ServerName
from hs_core.matrix.signing import SigningKey
from hs_core.plugin.declaration import Plugin, Stream
from hs_core.streams.follower import Follower
from hs_core.streams.registry import Streams
from hs_core.streams.writer import Writer

Row = TypeVar("Row", bound=msgspec.Struct)


@dataclass(frozen=True)
class Core:
    """One process's core."""

    server_name: ServerName
    signing_key: SigningKey
    clock: Clock
    db: Database
    streams: Streams
    services: Services
    read_sides: ReadSides
    installed: dict[str, Plugin]

    def writer(self, stream: Stream[Row]) -> Writer[Row]:
        """To write a stream that the plugin declares to write."""
        return self.streams.writer(stream)

    def follower(self, stream: Stream[Row]) -> Follower[Row]:
        """This process's place in a stream that the plugin declares to read."""
        return self.streams.follower(stream)
