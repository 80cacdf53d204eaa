"""What a process tells about itself when it is asked: metrics that are read, not counted, and whether it is ready."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import structlog
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hs_core.clock import Clock
from hs_core.cluster.leases import Leases
from hs_core.db import Database
from hs_core.http.outage import Outage
from hs_core.streams.registry import Streams

log = structlog.get_logger(__name__)

HEALTH_INTERVAL = 5.0
"""Seconds between two looks at the database."""
AWAY_INTERVAL = 1.0
"""The same while it is away."""


class Hits(Protocol):
    """A cache that counts how often it was of use, and can be given more or less room."""

    hits: int
    misses: int

    def __len__(self) -> int: ...

    def scale(self, factor: float) -> None:
        """Have so many times the size that it was made with."""


class ProcessCollector(Collector):
    """Streams, slots, database and caches of one process, as they are at the moment of a scrape."""

    def __init__(self, streams: Streams, leases: Leases, db: Database, caches: Mapping[str, Hits]) -> None:
        self._streams = streams
        self._leases = leases
        self._db = db
        self._caches = caches

    def collect(self) -> Iterable[Metric]:
        yield from self._of_streams()
        yield from self._of_database()
        yield from self._of_caches()

    def _of_streams(self) -> Iterable[Metric]:
        position = GaugeMetricFamily("hs_stream_position", "Delivered up to here", labels=["stream"])
        lag = GaugeMetricFamily("hs_stream_lag", "Positions known of and not delivered yet", labels=["stream"])
        slots = GaugeMetricFamily("hs_stream_slots", "Slots that this process owns", labels=["stream"])
        for follower in self._streams.followers:
            position.add_metric([follower.stream.name], follower.position)
            lag.add_metric([follower.stream.name], follower.lag)
        for stream, held in self._leases.counts().items():
            slots.add_metric([stream], held)
        yield from (position, lag, slots)

    def _of_database(self) -> Iterable[Metric]:
        work = CounterMetricFamily("hs_database_work", "Units of work that were answered", labels=["kind"])
        seconds = CounterMetricFamily("hs_database_seconds", "From asking to the answer", labels=["kind"])
        waiting = GaugeMetricFamily("hs_database_waiting", "Units of work queued or running", labels=["kind"])
        for kind, count in (("read", self._db.reads), ("write", self._db.writes)):
            work.add_metric([kind], count.done)
            seconds.add_metric([kind], count.seconds)
            waiting.add_metric([kind], count.waiting)
        statements = CounterMetricFamily("hs_database_statements", "Statements sent to a database server")
        statements.add_metric([], sum(each.statements for each in self._db.traffic))
        trips = CounterMetricFamily("hs_database_round_trips", "Times that somebody waited for a database server")
        trips.add_metric([], sum(each.round_trips for each in self._db.traffic))
        connections = GaugeMetricFamily("hs_database_connections", "Connections to PostgreSQL")
        connections.add_metric([], self._db.connections)
        yield from (work, seconds, waiting, statements, trips, connections)

    def _of_caches(self) -> Iterable[Metric]:
        hits = CounterMetricFamily("hs_cache_hits", "Look-ups that found something", labels=["cache"])
        misses = CounterMetricFamily("hs_cache_misses", "Look-ups that did not", labels=["cache"])
        entries = GaugeMetricFamily("hs_cache_entries", "What is kept now", labels=["cache"])
        for name, cache in self._caches.items():
            hits.add_metric([name], cache.hits)
            misses.add_metric([name], cache.misses)
            entries.add_metric([name], len(cache))
        yield from (hits, misses, entries)


class Readiness:
    """Whether the process can serve: what `/health/ready` answers."""

    def __init__(self, db: Database, clock: Clock, missing: Callable[[], Sequence[str]], outage: Outage) -> None:
        """`missing` says what the process has to wait for in its deployment. `outage` is told of a silent database."""
        self._db = db
        self._clock = clock
        self._missing = missing
        self._outage = outage
        self._database_away = False

    def reasons(self) -> list[str]:
        """What is missing; nothing, if all is well."""
        if self._outage.lasts:
            return ["the database does not answer"]
        return ["the database is away"] if self._database_away else list(self._missing())

    async def run(self) -> None:
        """Look after the database for as long as the process lives."""
        while True:
            await self._clock.sleep(AWAY_INTERVAL if self._database_away else HEALTH_INTERVAL)
            await self.look()

    async def look(self) -> None:
        """See whether the database answers."""
        away = not await self._db.healthy()
        if away != self._database_away:
            log.warning("the database is away" if away else "the database is back", silent=self._db.silent)
        self._database_away = away
        if self._db.silent and not self._outage.lasts:
            self._outage.begin()
        elif self._outage.lasts and not self._db.silent:
            self._outage.end()
