"""Filters that clients have defined, or send along (client-server API, "Filtering")."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

from hs_core.cache import LRU
from hs_core.db import Database, Transaction
from hs_core.errors import LimitExceeded, NotFound
from hs_core.matrix.canonical_json import decode_json, encode_canonical
from hs_core.matrix.filters import DEFAULT_FILTER, Filter, parse_filter
from hs_core.matrix.identifiers import UserId
from hs_plugins.sync.store import add_filter, count_filters, get_filter

MAX_FILTERS: Final = 10_000
"""Filters of one user."""
REMEMBERED: Final = 2000

Json = dict[str, Any]


class StoredFilters:
    """Defines and finds filters; those that are used again and again are kept in memory, parsed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._parsed: LRU[tuple[UserId, str], Filter] = LRU(REMEMBERED)
        self._inline: LRU[str, Filter] = LRU(REMEMBERED)

    async def define(self, user_id: UserId, definition: Json) -> str:
        """Keep a filter; the same definition always has the same ID. Raises ProtocolError if it is none."""
        parsed = parse_filter(definition)
        encoded = encode_canonical(definition, strict=False)
        filter_id = blake2b(encoded, digest_size=9).hexdigest()

        def keep(tx: Transaction) -> None:
            if count_filters(tx, user_id) >= MAX_FILTERS and get_filter(tx, user_id, filter_id) is None:
                raise LimitExceeded(retry_after=3600)
            add_filter(tx, user_id, filter_id, encoded)

        await self._db.write(keep)
        self._parsed[user_id, filter_id] = parsed
        return filter_id

    async def definition(self, user_id: UserId, filter_id: str) -> Json:
        """What the user defined. Raises NotFound."""
        stored = await self._db.read(lambda tx: get_filter(tx, user_id, filter_id))
        if stored is None:
            raise NotFound("There is no such filter")
        definition: Json = decode_json(stored, strict=False)
        return definition

    async def of_request(self, user_id: UserId, text: str | None) -> Filter:
        """The filter that a request names: "an ID or a JSON object", told apart "by whether the first character is a
        `"{"` open brace".

        Raises NotFound, or ProtocolError for JSON that is no filter.
        """
        if not text:
            return DEFAULT_FILTER
        if text.startswith("{"):
            inline = self._inline.get(text)
            if inline is None:
                inline = self._inline[text] = parse_filter(decode_json(text.encode(), strict=False))
            return inline
        parsed = self._parsed.get((user_id, text))
        if parsed is None:
            parsed = self._parsed[user_id, text] = parse_filter(await self.definition(user_id, text))
        return parsed
