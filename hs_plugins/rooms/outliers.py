"""Events that are known only as part of a state or of an auth chain: stored without states and without a position."""

from hs_core.matrix.event import Event
from hs_plugins.rooms.api import Verdict
from hs_plugins.rooms.change import NewEvent, Standing
from hs_plugins.rooms.inbound import refusal_by_auth_events, verdict_of
from hs_plugins.rooms.operation import Operation


async def receive_outlier(operation: Operation, event: Event) -> Verdict:
    """Store an event by what its auth events say of it; nothing is stored while some of those are missing."""
    stored = (await operation.load([event.event_id])).get(event.event_id)
    if stored is not None:
        return verdict_of(stored)
    known = await operation.load(event.auth_events)
    if missing := tuple(one for one in event.auth_events if one not in known):
        return Verdict(event.event_id, missing=missing)
    new = NewEvent(
        event,
        None,
        None,
        None,
        auth_chain=await operation.chain_of(event),
        standing=Standing.ASIDE,
        rejected=await refusal_by_auth_events(operation, event),
    )
    operation.store(new)
    return verdict_of(new.as_stored())
