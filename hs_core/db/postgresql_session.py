"""A connection to PostgreSQL, spoken to in libpq's pipeline mode.

Below psycopg's cursors: they cost more than PostgreSQL itself for a small statement. Statements are queued and sent
together; each is prepared when it is first met. Calls block, without the interpreter's lock, until the server answers.
"""

from collections.abc import Sequence
from itertools import count
from select import POLLIN, POLLOUT, poll
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

from hs_core.db.database import Param, Row, Traffic
from hs_core.db.dialect import for_postgresql
from hs_core.db.postgresql_values import encode, register_loaders

_MOST_PREPARED = 600  # each takes memory on the server; more than the code has means SQL made up as it goes
_SETTINGS = b"""
SET idle_in_transaction_session_timeout = '5s';
SET TimeZone = 'UTC';
SET jit = off
"""
# A machine that has vanished is noticed after 15 to 20 seconds. The URL may say otherwise.
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
}


class Session:
    """One connection, used by one thread at a time. After a psycopg.OperationalError look at `lost`."""

    def __init__(self, conninfo: str, application_name: str, traffic: Traffic | None = None) -> None:
        """Connect. `traffic` is what to add to. Raises psycopg.OperationalError."""
        self._traffic = traffic or Traffic()
        options: dict[str, Any] = _PATIENCE | conninfo_to_dict(conninfo) | {"application_name": application_name}
        self._connection = psycopg.connect("", autocommit=True, **options)
        if self._connection.info.parameter_status("server_encoding") != "UTF8":
            self._connection.close()
            raise psycopg.OperationalError(
                "the database is not in UTF-8; create it with ENCODING 'UTF8' LOCALE 'C.UTF-8'"
            )
        register_loaders(self._connection.adapters)
        self._pg: PGconn = self._connection.pgconn
        self._rows = Transformer(self._connection)
        self._poll = poll()
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._names = count()
        self._news: list[tuple[str, tuple[int, ...]]] = []
        self._syncs = 0
        self.queued = 0
        self._connection.execute(_SETTINGS)
        self._pg.enter_pipeline_mode()

    @property
    def lost(self) -> bool:
        """Whether the connection is of no more use."""
        return self._pg.status != ConnStatus.OK

    @property
    def idle(self) -> bool:
        """Whether the connection is good for another transaction."""
        return self._pg.status == ConnStatus.OK and self._pg.transaction_status == TransactionStatus.IDLE

    def queue(self, sql: str, params: Sequence[Param] = ()) -> None:
        """Add a statement to those that the next `finish` or `send` sends."""
        types, values, formats = encode(params)
        name = self._prepared.get((sql, types)) or self._prepare(sql, types)
        self._pg.send_query_prepared(name, values, formats, Format.BINARY)
        self.queued += 1
        self._traffic.statements += 1

    def send(self) -> None:
        """Send what is queued; its results, which nobody needs, are skipped by the next `finish`."""
        self._pg.pipeline_sync()
        self._syncs += 1
        self.queued = 0
        self._flush()

    def finish(self) -> PGresult:
        """Send what is queued and wait for it; the result of the last statement.

        Raises the first error of any of them, as psycopg has it; those after it were then not run.
        """
        self.send()
        self._traffic.round_trips += 1
        last, failed = None, None
        while self._syncs:
            result = self._next()
            if result is None:
                continue
            if result.status == ExecStatus.PIPELINE_SYNC:
                self._syncs -= 1
            elif result.status == ExecStatus.FATAL_ERROR:
                failed = failed or result
            else:
                last = result
        if failed is not None:
            for new in self._news:  # perhaps not prepared after all
                self._prepared.pop(new, None)
        self._news.clear()
        if failed is not None:
            raise error_from_result(failed)
        assert last is not None
        return last

    def rows(self, result: PGresult) -> list[Row]:
        """The rows of a result."""
        self._rows.set_pgresult(result, set_loaders=True, format=Format.BINARY)
        return self._rows.load_rows(0, result.ntuples, tuple)

    def copy(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a `COPY ... FROM STDIN`; not with anything queued."""
        self._pg.exit_pipeline_mode()
        try:
            self._traffic.statements += 1
            self._traffic.round_trips += 1
            with self._connection.cursor().copy(statement.encode()) as copy:
                for row in rows:
                    copy.write_row(row)
        finally:
            if not self.lost:
                self._pg.enter_pipeline_mode()

    def tidy(self) -> None:
        """Between transactions: forget prepared statements that have become too many."""
        if len(self._prepared) > _MOST_PREPARED:
            self.queue("DEALLOCATE ALL")
            self.send()
            self._prepared.clear()
            self._news.clear()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _prepare(self, sql: str, types: tuple[int, ...]) -> bytes:
        statement = for_postgresql(sql)
        if types and b"$%d" % len(types) not in statement:  # which PostgreSQL would allow
            raise psycopg.ProgrammingError(f"{len(types)} parameters are too many for {sql!r}")
        name = b"hs%d" % next(self._names)
        self._pg.send_prepare(name, statement, types)
        self._prepared[sql, types] = name
        self._news.append((sql, types))
        return name

    def _flush(self) -> None:
        """Hand everything to the operating system, reading meanwhile: else both sides could wait for the other."""
        while self._pg.flush():
            self._wait(POLLIN | POLLOUT)

    def _next(self) -> PGresult | None:
        """The next result; None between the results of two statements."""
        while self._pg.is_busy():
            self._wait(POLLIN)
        result = self._pg.get_result()
        if self.lost:
            message = self._pg.get_error_message() if result is None else result.get_error_message()
            raise psycopg.OperationalError(f"connection lost: {message}")
        return result

    def _wait(self, events: int) -> None:
        self._poll.register(self._pg.socket, events)
        if any(ready & ~POLLOUT for _, ready in self._poll.poll()):
            self._pg.consume_input()
