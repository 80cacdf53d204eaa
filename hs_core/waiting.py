"""Wait for something to happen, and not for ever."""

from __future__ import annotations

import asyncio

from hs_core.clock import Clock


async def happens(event: asyncio.Event, seconds: float) -> bool:
    """Return when the event is set, or after so many seconds; whether it is set.

    In the event loop's time, which goes on where a test holds the clock: for what is only about not waiting too long.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return event.is_set()
    return True


async def happens_by_clock(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """The same by the clock: where what is done then depends on the time that has passed."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    told = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([sleeping, told], return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        told.cancel()
    return event.is_set()
