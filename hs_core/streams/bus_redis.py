"""The bus of a deployment of several processes: Redis, publish and subscribe.

Redis holds nothing that could be lost. While it is away what is published is dropped, and the followers look in the
database now and then; when it is back everybody looks for what they missed.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog
from redis.asyncio import Connection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from hs_core.clock import Clock
from hs_core.plugin.declaration import Stream
from hs_core.streams.batch import Batch
from hs_core.streams.bus import MemoryBus, Receiver
from hs_core.streams.redis_publisher import Publisher
from hs_core.streams.wire import SENDER_BYTES, Codec, Unreadable

log = structlog.get_logger(__name__)

RETRY_SECONDS = 1.0
"""How often Redis is tried, and the followers look in the database, while it is away."""

PING_SECONDS = 10.0
"""Silence after which Redis is asked whether it is there; as much again, and it is not."""

FLUSH_SECONDS = 1.0
"""How long anybody waits for Redis to take what there is to publish."""

TURNS_TO_HEAR = 3

MOST_WAITING_ROWS = 10_000
"""Rows kept until Redis takes them. More are dropped, and those who follow are asked to look."""

_LOOK = b""


class RedisBus:
    """See `Bus`. Nothing leaves or arrives until it runs."""

    def __init__(self, url: str, prefix: str, streams: Iterable[Stream[Any]], clock: Clock) -> None:
        """`prefix` keeps apart deployments that share a Redis. `streams` are all that may be published or followed."""
        self._pool = ConnectionPool.from_url(url, protocol=2, retry=Retry(NoBackoff(), 0))
        self._clock = clock
        self._codecs: Mapping[str, Codec] = {stream.name: Codec(stream) for stream in streams}
        self._here = MemoryBus()
        self._prefix = f"{prefix}:".encode()
        self._me = clock.random_text(SENDER_BYTES).encode()
        self._outbox: dict[str, list[Batch[Any]]] = defaultdict(list)
        self._waiting_rows = 0
        self._doubted: set[str] = set()
        self._news = asyncio.Event()
        self._receiving: Connection | None = None
        self._unasked = asyncio.Event()
        """Set when somebody has subscribed, and Redis has not been asked for that stream yet."""
        self._away = False
        self._waiting: asyncio.Future[None] | None = None
        """Done when what is in the outbox has been sent, or dropped; `None` if nothing is there."""
        self._sending: asyncio.Future[None] | None = None
        """The same for what has been taken out of it."""

    def subscribe(self, stream: str, receiver: Receiver) -> None:
        self._here.subscribe(stream, receiver)
        self._unasked.set()

    def publish(self, batch: Batch[Any]) -> None:
        self._here.publish(batch)
        self._waiting_rows += len(batch.rows)
        if self._waiting_rows > MOST_WAITING_ROWS:
            self._drop()
            self._doubted.add(batch.stream)
        else:
            self._outbox[batch.stream].append(batch)
        self._wake()

    def doubt(self, stream: str) -> None:
        self._here.doubt(stream)
        self._doubted.add(stream)
        self._wake()

    @asynccontextmanager
    async def carrying(self) -> AsyncIterator[None]:
        """Carry messages, whether Redis is there or not; at the end, send what is waiting if that takes no time."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in self._lines()]
            try:
                yield
                await self.carried()
            finally:
                for task in tasks:
                    task.cancel()

    def _lines(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield self._send_forever()
        yield self._receive_forever()
        yield self._ask_for_more()

    @property
    def away(self) -> bool:
        """Whether Redis could not be reached when that was last tried."""
        return self._away

    async def carried(self) -> None:
        """See `Bus`. While Redis is away nobody waits for it."""
        sent = self._waiting or self._sending
        if sent is not None and not self._away:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await asyncio.shield(sent)

    async def heard(self) -> None:
        """See `Bus`. What a socket has is read in the first turn of the loop, parsed and delivered in the second."""
        for _ in range(TURNS_TO_HEAR):
            await asyncio.sleep(0)

    async def _send_forever(self) -> None:
        publisher = Publisher(self._new_connection())
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                if not await self._send(publisher):
                    await self._clock.sleep(RETRY_SECONDS)
        finally:
            await publisher.close()

    async def _send(self, publisher: Publisher) -> bool:
        """Publish what is waiting; whether Redis took it. If not, those who follow will be asked to look."""
        outbox, doubted = dict(self._outbox), self._doubted
        self._outbox.clear()
        self._waiting_rows, self._doubted = 0, set()
        sending, self._waiting = self._waiting, None
        self._sending = sending
        said = [(stream, _LOOK) for stream in doubted]
        said += [(stream, self._encode(stream, batches)) for stream, batches in outbox.items()]
        messages = [(self._prefix + stream.encode(), self._me + data) for stream, data in said]
        # The connection may have been lost long ago, and a message that comes twice does no harm.
        try:
            self._away = not await publisher.publish(messages) and not await publisher.publish(messages)
        finally:
            self._sending = None
            if sending is not None:
                sending.set_result(None)
        if self._away:
            self._doubted |= doubted | outbox.keys()
            self._wake()
        return not self._away

    async def _receive_forever(self) -> None:
        away = False
        while True:
            connection = self._new_connection()
            try:
                await self._subscribe(connection)
                if away:
                    log.info("redis is back")
                away = False
                await self._receive(connection)
            except (RedisError, OSError) as error:
                if not away:
                    log.warning("redis is away", error=str(error))
                away = True
            finally:
                self._receiving = None
                await connection.disconnect(nowait=True)
            for stream in self._here.streams:
                self._here.doubt(stream)
            await self._clock.sleep(RETRY_SECONDS)

    async def _subscribe(self, connection: Connection) -> None:
        """Connect and ask for what is followed here. Raises RedisError, OSError."""
        await connection.connect()  # type: ignore[no-untyped-call]
        self._receiving = connection
        await self._ask(connection)

    async def _ask_for_more(self) -> None:
        while True:
            await self._unasked.wait()
            self._unasked.clear()
            if self._receiving is not None:
                with suppress(RedisError, OSError):  # whoever receives finds out as well, and begins again
                    await self._ask(self._receiving)

    async def _ask(self, connection: Connection) -> None:
        """Ask for all that is followed here; what was asked for before is no harm."""
        if channels := [self._prefix + stream.encode() for stream in self._here.streams]:
            await connection.send_command("SUBSCRIBE", *channels)

    async def _receive(self, connection: Connection) -> None:
        """Deliver what comes until the connection is lost. Raises RedisError, OSError."""
        asked = False
        while True:
            message = await connection.read_response(timeout=PING_SECONDS, disconnect_on_error=False)
            if message is not None:
                asked = False
                self._take(message)
            elif asked:
                raise RedisConnectionError("Redis is silent")
            else:
                asked = True
                await connection.send_command("PING")

    def _take(self, message: Any) -> None:
        if len(message) != 3:
            return  # the answer to a ping
        kind, channel, data = message
        stream = channel[len(self._prefix) :].decode()
        if kind == b"subscribe":
            self._here.doubt(stream)  # what was published before we listened
        elif kind == b"message" and not data.startswith(self._me):
            self._deliver(stream, data[SENDER_BYTES:])

    def _deliver(self, stream: str, data: bytes) -> None:
        if data == _LOOK:
            self._here.doubt(stream)
            return
        try:
            batches = self._codecs[stream].decode(data)
        except Unreadable as error:
            log.warning("a message cannot be read, the database can", stream=stream, error=str(error))
            self._here.doubt(stream)
            return
        for batch in batches:
            self._here.publish(batch)

    def _encode(self, stream: str, batches: list[Batch[Any]]) -> bytes:
        try:
            return self._codecs[stream].encode(batches)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError):
            log.exception("rows that cannot be sent, so that others read them from the database", stream=stream)
            return _LOOK

    def _new_connection(self) -> Connection:
        connection: Connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        return connection

    def _wake(self) -> None:
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        self._news.set()

    def _drop(self) -> None:
        self._doubted |= self._outbox.keys()
        self._outbox.clear()
        self._waiting_rows = 0
