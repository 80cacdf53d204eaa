"""History from other servers (server-server API, "Backfilling and retrieving missing events").

Backfilled events go to the beginning of the timeline, with negative positions; they change nothing about the room as
it is now.
"""

from collections.abc import Sequence

from hs_plugins.rooms.api import Verdict
from hs_plugins.rooms.change import NewEvent, Standing
from hs_plugins.rooms.inbound import Arrival, keep_aside, missing_for, note_gaps, refusal, state_before, verdict_of
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.redactions import redact_on_arrival, redact_remotely
from hs_plugins.rooms.resolution import Resolver
from hs_plugins.rooms.state_map import NodeHash


async def backfill(operation: Operation, resolver: Resolver, arrivals: Sequence[Arrival]) -> list[Verdict]:
    """Take in older events, oldest first."""
    return [await _take_in(operation, resolver, arrival) for arrival in arrivals]


async def _take_in(operation: Operation, resolver: Resolver, arrival: Arrival) -> Verdict:
    event = arrival.event
    stored = (await operation.load([event.event_id])).get(event.event_id)
    if stored is not None and stored.state_before is not None:
        return verdict_of(stored)
    if missing := await missing_for(operation, event, arrival.told_state):
        return Verdict(event.event_id, missing=missing)
    arrival = arrival.renewing(operation, stored)
    before = await state_before(operation, resolver, event, arrival.told_state)
    if reason := await refusal(operation, arrival.event, before):
        return await keep_aside(operation, arrival, before, before, rejected=reason)
    await _put_in_the_past(operation, arrival, before)
    return Verdict(event.event_id, accepted=True)


async def _put_in_the_past(operation: Operation, arrival: Arrival, before: NodeHash) -> None:
    event, redacted_by = await redact_on_arrival(operation, arrival.event, arrival.waiting)
    after = await operation.with_entry(before, event) if event.is_state else before
    visible = event.type != "m.room.redaction" or await redact_remotely(operation, event, before)
    await note_gaps(operation, event)
    new = NewEvent(
        event,
        before,
        after,
        after,
        auth_chain=await operation.chain_of(event),
        standing=Standing.PAST if visible else Standing.ASIDE,
        redacted_by=redacted_by or arrival.redacted_by,
    )
    operation.store(new)
