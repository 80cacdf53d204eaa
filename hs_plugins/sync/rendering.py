"""Events as JSON for one reader: the bytes that the stream carries, with what only this reader is told spliced in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import orjson

from hs_core.matrix.canonical_json import encode_json
from hs_core.matrix.client_event import federation_event
from hs_core.matrix.filters import EventFormat
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.property_paths import select
from hs_plugins.rooms.api import DELAYED, EventRow, StoredEvent
from hs_plugins.sync.timeline import Shown
from hs_plugins.sync.wanted import Wanted


@dataclass(slots=True)
class Renderer:
    """Writes the events of one response."""

    wanted: Wanted
    now: int
    """Milliseconds since the epoch."""
    redactions: Mapping[EventId, EventRow] = field(default_factory=dict)
    """The events that redacted some of those that are shown."""
    pdus: Mapping[EventId, StoredEvent] = field(default_factory=dict)
    """The events as other servers see them, if the client asked for that."""
    rows: Mapping[EventId, EventRow] = field(default_factory=dict)
    """Events of states, and what remains of those that were redacted meanwhile."""
    previous: Collection[EventId] = ()
    """The events whose `prev_content` the reader may see."""
    with_room_id: bool = False
    """For events that are not written under their room, in the endpoints from before `/sync`."""

    def state(self, row: EventRow) -> orjson.Fragment:
        """An event of a room's state."""
        return self._write(row, b"")

    def own(self, row: EventRow) -> orjson.Fragment:
        """An event by itself, with the transaction that made it, if it was this device's."""
        return self._write(row, self._transaction(row))

    def timeline(self, shown: Shown) -> orjson.Fragment:
        """An event of a timeline."""
        row = self.rows.get(shown.row.event_id, shown.row) if shown.redacted else shown.row
        unsigned = b',"membership":"%b"' % shown.membership.encode()
        unsigned += self._transaction(row)
        if row.prev_content is not None and row.event_id in self.previous:
            unsigned += b',"prev_content":' + row.prev_content
        return self._write(row, unsigned)

    def _transaction(self, row: EventRow) -> bytes:
        if row.txn_id is None or row.sender != self.wanted.user_id:
            return b""
        if row.device_id == DELAYED:
            return b',"org.matrix.msc4140.delay_id":' + orjson.dumps(row.txn_id)
        return b',"transaction_id":' + orjson.dumps(row.txn_id) if row.device_id == self.wanted.device_id else b""

    def _write(self, row: EventRow, unsigned: bytes) -> orjson.Fragment:
        if row.replaces is not None:
            unsigned += b',"replaces_state":' + orjson.dumps(row.replaces)
        if row.redacted_by is not None and (redaction := self.redactions.get(row.redacted_by)) is not None:
            unsigned += b',"redacted_because":' + self._spliced(redaction, b"")
        wanted = self.wanted.filter
        if wanted.event_format is EventFormat.CLIENT and wanted.event_fields is None:
            return orjson.Fragment(self._spliced(row, unsigned))
        return orjson.Fragment(self._reshaped(row, unsigned))

    def _spliced(self, row: EventRow, unsigned: bytes) -> bytes:
        age = self.now - row.origin_server_ts
        if self.with_room_id:
            # NOTSPEC: those who still use endpoints from before `/sync` know the sender as `user_id`.
            unsigned += b'},"user_id":%b,"room_id":%b' % (orjson.dumps(row.sender), orjson.dumps(row.room_id))
            return b'%b,"unsigned":{"age":%d%b}' % (row.client_json[:-1], age, unsigned)
        return b'%b,"unsigned":{"age":%d%b}}' % (row.client_json[:-1], age, unsigned)

    def _reshaped(self, row: EventRow, unsigned: bytes) -> bytes:
        """In another format, or with fewer fields."""
        event = orjson.loads(self._spliced(row, unsigned))
        stored = self.pdus.get(row.event_id)
        if stored is not None:
            # NOTSPEC: with the event's ID, which most room versions leave out, so that the client can refer to it.
            about = {"event_id": row.event_id, "unsigned": event["unsigned"]}
            event = {**federation_event(stored.event), **about}
        fields = self.wanted.filter.event_fields
        return encode_json(event if fields is None else select(event, fields))
