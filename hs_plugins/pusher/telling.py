"""Tell one pusher what there is to tell, in order, and keep account of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec
import structlog

from hs_core.clock import Clock
from hs_plugins.notifications.api import Notification, NotificationsRead
from hs_plugins.pusher import composing
from hs_plugins.pusher.composing import Composer
from hs_plugins.pusher.gateway import Gateway
from hs_plugins.pusher.outcomes import Outcome, Verdict, after_failure, is_hopeless
from hs_plugins.pusher.values import Progress, Pusher

log = structlog.get_logger(__name__)

PAGE: Final = 20
"""Notifications that are read at once."""


class Hold(Protocol):
    """The right to serve a pusher, which may end at any time."""

    def goes_on(self) -> bool:
        """Whether something may begin."""

    async def save(self, progress: Progress) -> bool:
        """Write down how far it has been told; whether it is there still. Raises NotOwner, DatabaseUnavailable."""

    async def remove(self) -> None:
        """The pusher is no more. Raises NotOwner, DatabaseUnavailable."""


@dataclass(frozen=True)
class Teller:
    """Knows what to tell, and not whose turn it is."""

    notifications: NotificationsRead
    composer: Composer
    gateway: Gateway
    clock: Clock
    give_up_after_ms: int

    async def tell(self, pusher: Pusher, hold: Hold) -> Progress | None:
        """Tell all there is, or as much as goes well; how far that is, as it was saved. `None`: it was removed."""
        progress = pusher.progress
        while hold.goes_on():
            news = await self.notifications.news(pusher.user_id, progress.place, PAGE)
            unread = news.badge.notifications
            for event in news.events:
                if not hold.goes_on():
                    return progress
                body = await self._body(pusher, event, unread)
                if body is None:
                    progress = msgspec.structs.replace(progress, place=event.place, refusals=0)
                    continue
                outcome = await self._notify(pusher, body)
                if outcome.verdict is Verdict.GONE:
                    await hold.remove()
                    return None
                told = Progress(place=event.place, badge=unread)
                progress = self._after(pusher, progress, outcome, told)
                if not await hold.save(progress):
                    return None
                if progress.retry_ts:
                    return progress
            if len(news.events) < PAGE:
                return await self._finish(pusher, progress, unread, hold)
        return progress

    async def _finish(self, pusher: Pusher, progress: Progress, unread: int, hold: Hold) -> Progress | None:
        """When all events have been told: tell the number of those that are unread, if that is another one."""
        now = self.clock.now_ms()
        if progress.badge != unread:
            told = Progress(place=progress.place, badge=unread)
            if progress.failing_since and now - progress.failing_since > self.give_up_after_ms:
                progress = told  # nobody has listened for long; it will be told with what comes next
            else:
                outcome = await self._notify(pusher, composing.badge(pusher, unread))
                if outcome.verdict is Verdict.GONE:
                    await hold.remove()
                    return None
                progress = self._after(pusher, progress, outcome, told)
        elif progress.retry_ts:  # what it was tried again for has been read, or is too old
            progress = Progress(place=progress.place, badge=progress.badge)
        if progress != pusher.progress and not await hold.save(progress):
            return None
        return progress

    async def _body(self, pusher: Pusher, event: Notification, unread: int) -> dict[str, Any] | None:
        """What to tell of an event; `None`: nothing, for it has been read, is too old, or is not there any more."""
        if event.read or self.clock.now_ms() - event.ts > self.give_up_after_ms:
            return None
        return await self.composer.notification(pusher, event, unread)

    async def _notify(self, pusher: Pusher, body: Mapping[str, Any]) -> Outcome:
        outcome = await self.gateway.notify(pusher.data["url"], pusher.settings.pushkey, body)
        if outcome.verdict is not Verdict.TOLD:
            failures = pusher.progress.failures + 1
            log.info(
                "a push gateway did not take a notification",
                user=pusher.user_id,
                app_id=pusher.settings.app_id,
                reason=outcome.reason,
                failures=failures,
            )
        return outcome

    def _after(self, pusher: Pusher, progress: Progress, outcome: Outcome, told: Progress) -> Progress:
        if outcome.verdict is Verdict.TOLD:
            return told
        if is_hopeless(progress, outcome):
            log.warning("a notification is left out, its gateway refuses it", user=pusher.user_id)
            return told
        return after_failure(progress, outcome, self.clock.now_ms(), self.clock.random())
