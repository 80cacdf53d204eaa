"""Whatever is in an event of another server, there is a verdict on it, and the room goes on."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.matrix.room_version import ROOM_VERSIONS, V11
from hs_core.testing.homeserver import Homeserver
from tests.plugins.rooms.world import BOB, World

TYPES = [
    "m.room.member", "m.room.power_levels", "m.room.join_rules", "m.room.redaction", "m.room.third_party_invite",
    "m.room.aliases", "m.room.server_acl", "m.room.message", "m.room.history_visibility", "\0",
]  # fmt: skip
KEYS = ["membership", "redacts", "users", "events", "m.relates_to", "third_party_invite", "join_rule", "allow", "deny"]

scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.sampled_from(["", "x\0", *KEYS, BOB])
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, BOB, ""]), inner, max_size=3),
    max_leaves=6,
)
contents = st.dictionaries(st.sampled_from(KEYS), json_values, max_size=4)
state_keys = st.none() | st.sampled_from(["", "@bob:remote.test", "@b\0ob:remote.test", "remote.test", "x\0"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    version=st.sampled_from(list(ROOM_VERSIONS.values())),
    events=st.lists(st.tuples(st.sampled_from(TYPES), contents, state_keys), min_size=1, max_size=6),
)
async def test_any_content_has_its_verdict(
    server: Homeserver, version: Any, events: list[tuple[str, dict[str, Any], str | None]]
) -> None:
    world = await World.begin(server, version)
    for event_type, content, state_key in events:
        world.dag.send(event_type, content, state_key=state_key, may_be_rejected=True)
    said = world.dag.message("and yet", may_be_rejected=True)
    verdicts = await world.deliver()
    for verdict in verdicts:
        assert verdict.event_id is not None
        assert (verdict.refused is not None) == (verdict.event_id in world.dag.rejected)
    assert await world.state_after(said) == world.dag.state_after(said)


@pytest.mark.parametrize("membership", ["invite", "ban", "leave"])
async def test_a_name_that_no_database_holds_does_no_harm(server: Homeserver, membership: str) -> None:
    world = await World.begin(server, V11)
    odd = world.dag.send("m.room.member", {"membership": membership}, state_key="@b\0ob:x", may_be_rejected=True)
    world.dag.join(BOB)
    verdicts = await world.deliver()
    assert (verdicts[0].refused is not None) == (odd.event_id in world.dag.rejected)
    assert BOB in await world.members()
