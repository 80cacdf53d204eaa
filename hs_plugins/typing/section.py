"""The part of `/sync` that says who types: "`m.typing`" among the ephemeral events of a room."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from hs_core.core import Core
from hs_core.matrix.identifiers import RoomId
from hs_core.plugin import Parts, RoomParts, Section, SectionEvent, Window
from hs_plugins.typing.api import TYPING_CHANGES, TYPING_READ
from hs_plugins.typing.recent import RecentTyping, typing_event

_NOBODY = typing_event(())


@dataclass(frozen=True)
class TypingSection:
    """Tells from memory only."""

    recent: RecentTyping

    @classmethod
    def of(cls, core: Core) -> TypingSection:
        """That of one process."""
        return cls(cast(RecentTyping, core.read_sides[TYPING_READ]))

    async def collect(self, window: Window) -> Parts | None:
        told = {room_id: RoomParts(ephemeral=[event]) for room_id, event in self._news(window)}
        return Parts(rooms=told) if told else None

    def _news(self, window: Window) -> Iterator[tuple[RoomId, SectionEvent]]:
        """The newest rows only: "it MUST use the user ID list to REPLACE its knowledge"."""
        recent, after = self.recent, window.after
        if after is None:
            # A client that begins again may still show somebody typing who has stopped since.
            yield from ((room_id, heard.event) for room_id, heard in recent.after(recent.horizon, window.joined))
        elif after >= recent.horizon:
            for room_id, heard in recent.after(after, window.joined):
                # A row beyond the window is told next time, and says all that the one before it has said.
                if heard.position <= window.up_to:
                    yield room_id, heard.event
            for room_id in window.newly_joined:
                known = recent.known(room_id)
                if known is not None and known.user_ids and known.position <= after:
                    yield room_id, known.event
        else:
            # The client may still show somebody typing whom nobody remembers. It is told so where it looks anyway.
            yield from self._busy(window)
            yield from ((room_id, _NOBODY) for room_id in window.shown if room_id not in recent.busy)

    def _busy(self, window: Window) -> Iterator[tuple[RoomId, SectionEvent]]:
        fewer, more = sorted((self.recent.busy, window.joined), key=len)
        for room_id in fewer:
            if room_id in more and (heard := self.recent.known(room_id)) is not None:
                yield room_id, heard.event


SECTION = Section("ty", TYPING_CHANGES, concerns=lambda row: (row.room_id,), open=TypingSection.of)
