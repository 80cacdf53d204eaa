"""Push rules, evaluated for all local members of a room at once: what an event comes to.

"When receiving a new event homeservers process push rules for each of the local users in the room (excluding the
sender)."
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import orjson

from hs_core.matrix.identifiers import EventId, RoomId, ServerName, UserId
from hs_core.matrix.push_rules import (
    SOMEBODY,
    UNCHANGED_RULES,
    Actions,
    EventView,
    Recipient,
    RoomView,
    is_unremarkable,
    singled_out,
    unchanged_rules_for,
)
from hs_core.matrix.relations import MAX_HOPS_TO_THREAD, THREAD, relation_of
from hs_plugins.notifications.listeners import PLAIN, Listeners
from hs_plugins.notifications.rooms import MEMBER, RoomBook, RoomBooks, is_of, was_joined
from hs_plugins.receipts.api import MAIN
from hs_plugins.rooms.api import EventRow, RoomsRead

_MAX_REMEMBERED: Final = 64


class Notified(NamedTuple):
    """Users for whom an event comes to the same."""

    actions: Actions
    users: list[UserId]


class Reads(NamedTuple):
    """Somebody has read a thread, or (`None`) the whole room, up to an event and including it, by what they did."""

    user_id: UserId
    thread_id: str | None


class Outcome(NamedTuple):
    """What an event comes to for the users of this server."""

    position: int
    room_id: RoomId
    event_id: EventId
    thread_id: str
    notified: tuple[Notified, ...] = ()
    reads: tuple[Reads, ...] = ()
    removes: int | None = None
    """The position of the event that it redacts."""


class NotPrepared(Exception):
    """Something must be read from the database first: `Evaluation.prepare` does."""


class _Known(NamedTuple):
    """What was looked up for one event."""

    thread_id: str
    removes: int | None


class _Seen:
    """An event as rules see it. Most messages can be judged for most users without a closer look."""

    __slots__ = ("_event", "_room_id", "_view", "plain", "room", "special")

    def __init__(self, row: EventRow, event: dict[str, Any], book: RoomBook) -> None:
        self._event, self._room_id = event, row.room_id
        self._view: EventView | None = None
        self.room = RoomView(book.joined, book.power)
        msgtype = event["content"].get("msgtype")
        self.special: Collection[str] = ()
        """Those who need the closer look, even if they have not changed their rules."""
        if row.state_key is None and is_unremarkable(event["content"]) and _is_short(row.type) and _is_short(msgtype):
            self.plain = unchanged_rules_for(row.type, msgtype, book.joined == 2)
            """What it comes to for everybody else who has not."""
        else:
            self.special = singled_out(self.view)
            self.plain = UNCHANGED_RULES.evaluate(self.view, self.room, SOMEBODY)

    @property
    def view(self) -> EventView:
        if self._view is None:
            self._view = EventView.of_client_event(self._event, self._room_id)
        return self._view


def _is_short(text: object) -> bool:
    """Whether it may be remembered."""
    return text is None or (isinstance(text, str) and len(text) < _MAX_REMEMBERED)


@dataclass
class Evaluation:
    """Evaluates the events of each room in their order, from memory where that suffices."""

    read: RoomsRead
    server_name: ServerName
    listeners: Listeners
    books: RoomBooks
    _known: dict[EventId, _Known] = field(default_factory=dict)

    def outcome(self, position: int, row: EventRow, wanted: Callable[[UserId], bool] | None) -> Outcome | None:
        """What the event comes to for those who are wanted (`None`: for all); `None` if that is nothing.

        Raises NotPrepared. Otherwise the next event of the room is next.
        """
        book = self.books.get(row.room_id)
        known = self._known.get(row.event_id)
        if book is None or (row.redacts is not None and known is None):
            raise NotPrepared
        follows = row.state_key is not None and book.continues(row)
        if not follows and row.room_state != book.root:
            raise NotPrepared
        if wanted is not None and not self._concerns(row, book, wanted):
            self._known.pop(row.event_id, None)
            if follows:
                book.apply(position, row, orjson.loads(row.client_json)["content"], self.server_name)
            return None
        event = orjson.loads(row.client_json)
        notified = () if row.redacted_by else self._notified(row, event, book, wanted)
        outcome = self._outcome(position, row, event["content"], notified, known)
        self._known.pop(row.event_id, None)
        if follows:
            book.apply(position, row, event["content"], self.server_name)
        return outcome

    async def prepare(self, row: EventRow) -> None:
        """Read what `outcome` needs for the event. What is in memory may be forgotten again if others need much."""
        book = self.books.get(row.room_id)
        if book is None or not (row.room_state == book.root or (row.state_key is not None and book.continues(row))):
            await self.books.bring_to(row.room_id, row.room_state)
            book = self.books.get(row.room_id)
        if book is not None:
            invited = self._invited(row, book)
            await self.listeners.load([user for user in (*book.members, *invited) if user not in self.listeners.known])
        thread_id, removes = await self._thread(row), None
        if row.redacts is not None:
            target = (await self.read.timelines.events([row.redacts])).get(row.redacts)
            removes = target.position if target is not None and target.redacted_by is not None else None
        self._known[row.event_id] = _Known(thread_id, removes)

    def forget(self, row: EventRow) -> None:
        """The event will not be evaluated after all."""
        self._known.pop(row.event_id, None)

    def _concerns(self, row: EventRow, book: RoomBook, wanted: Callable[[UserId], bool]) -> bool:
        """Whether anybody who is wanted is in the room, comes into it, or is otherwise named by the event.

        Of several processes that answer `/sync`, each hears of many rooms in which nobody syncs there.
        """
        if wanted(row.sender) or (row.state_key is not None and wanted(UserId(row.state_key))):
            return True
        return any(map(wanted, book.members))

    def _outcome(
        self,
        position: int,
        row: EventRow,
        content: Mapping[str, Any],
        notified: tuple[Notified, ...],
        known: _Known | None,
    ) -> Outcome | None:
        own = row.state_key is None and is_of(self.server_name, row.sender)
        thread_id = MAIN
        if notified or own:
            thread_id = known.thread_id if known is not None else _plain_thread(content)
        reads = (Reads(row.sender, thread_id),) if own else self._moves(row)
        removes = known.removes if known is not None else None
        if not notified and not reads and removes is None:
            return None
        return Outcome(position, row.room_id, row.event_id, thread_id, notified, reads, removes)

    def _moves(self, row: EventRow) -> tuple[Reads, ...]:
        """Who comes into a room, or leaves it, has nothing unread there."""
        if row.type != MEMBER or row.membership == "invite" or not is_of(self.server_name, row.state_key or ""):
            return ()
        if row.membership == "join" and was_joined(row):
            return ()  # another name or picture
        return (Reads(UserId(row.state_key or ""), None),)

    def _notified(
        self, row: EventRow, event: dict[str, Any], book: RoomBook, wanted: Callable[[UserId], bool] | None
    ) -> tuple[Notified, ...]:
        seen = _Seen(row, event, book)
        known, sender, special = self.listeners.known, row.sender, seen.special
        unremarkable: list[UserId] = []
        groups: dict[int, Notified] = {}
        for user, name in self._recipients(row, book):
            if user == sender or (wanted is not None and not wanted(user)):
                continue
            listener = known.get(user)
            if listener is PLAIN and user not in special:
                unremarkable.append(user)
            elif listener is None:
                raise NotPrepared
            elif sender not in listener.ignored and not listener.rules.is_silent:
                actions = listener.rules.evaluate(seen.view, seen.room, Recipient(user, name))
                if actions.notify:
                    groups.setdefault(id(actions), Notified(actions, [])).users.append(user)
        if unremarkable and seen.plain.notify:
            groups.setdefault(id(seen.plain), Notified(seen.plain, [])).users.extend(unremarkable)
        return tuple(groups.values())

    def _recipients(self, row: EventRow, book: RoomBook) -> Collection[tuple[UserId, str | None]]:
        invited = self._invited(row, book)
        if invited:
            return [*book.members.items(), *((user, None) for user in invited)]
        return book.members.items()

    def _invited(self, row: EventRow, book: RoomBook) -> list[UserId]:
        """The user of this server whom the event invites."""
        user = UserId(row.state_key or "")
        is_invite = row.type == MEMBER and row.membership == "invite"
        return [user] if is_invite and user not in book.members and is_of(self.server_name, user) else []

    async def _thread(self, row: EventRow) -> str:
        """The thread that an event is in: "the server follows the event relationship until it finds a thread root via
        an `m.thread` relation", at most so many hops.
        """
        relation = relation_of(orjson.loads(row.client_json)["content"])
        for _ in range(MAX_HOPS_TO_THREAD):
            if relation is None:
                return MAIN
            if relation.rel_type == THREAD:
                return relation.event_id
            stored = (await self.read.timelines.events([relation.event_id])).get(relation.event_id)
            if stored is None or stored.event.room_id != row.room_id:
                return MAIN
            relation = relation_of(stored.event.content)
        return MAIN


def _plain_thread(content: Mapping[str, Any]) -> str:
    """The thread of an event whose relation says it by itself. Raises NotPrepared for others."""
    if "m.relates_to" not in content:
        return MAIN
    relation = relation_of(content)
    if relation is None:
        return MAIN
    if relation.rel_type != THREAD:
        raise NotPrepared
    return relation.event_id


def users_of(outcome: Outcome) -> Iterator[UserId]:
    """Everybody whose counts an event may change, but for those who had been notified of an event that is removed."""
    for notified in outcome.notified:
        yield from notified.users
    for reads in outcome.reads:
        yield reads.user_id
