"""What needs no server: the text of tokens, names, flows, passwords."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.clock import SystemClock
from hs_core.matrix.identifiers import ServerName, UserId
from hs_plugins.login.interactive.flows import is_complete, may_come_next
from hs_plugins.login.names import candidates, user_id_for
from hs_plugins.login.passwords import Passwords
from hs_plugins.login.tokens import Kind, new_token, owner_of

SERVER = ServerName("hs.test")
LOCALPARTS = st.text(st.characters(codec="utf-8", exclude_characters=":\0"), max_size=60)
STAGES = st.sampled_from(["a", "b", "c"])
FLOWS = st.lists(st.lists(STAGES, min_size=1, unique=True).map(tuple), min_size=1, max_size=3)


@settings(max_examples=50, deadline=None)
@given(LOCALPARTS, st.sampled_from(Kind))
def test_a_token_tells_whose_it_is_and_of_what_kind(localpart: str, kind: Kind) -> None:
    user = UserId(f"@{localpart}:{SERVER}")
    token = new_token(kind, user, SystemClock())
    assert owner_of(kind, token, SERVER) == user
    assert all(owner_of(other, token, SERVER) is None for other in Kind if other is not kind)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_mistyped_token_is_nobody_s(data: st.DataObject) -> None:
    token = new_token(Kind.ACCESS, UserId("@alice:hs.test"), SystemClock())
    place = data.draw(st.integers(0, len(token) - 1))
    typed = data.draw(st.characters(codec="utf-8").filter(lambda character: character != token[place]))
    assert owner_of(Kind.ACCESS, token[:place] + typed + token[place + 1 :], SERVER) is None


def test_only_ascii_capitals_have_a_small_form() -> None:
    assert user_id_for("Alice-1", SERVER) == "@alice-1:hs.test"
    assert candidates("@Alice:hs.test", SERVER) == ["@Alice:hs.test", "@alice:hs.test"]
    assert candidates("\u212aelvin", SERVER) == ["@\u212aelvin:hs.test"]


@settings(max_examples=50, deadline=None)
@given(FLOWS, st.lists(STAGES, max_size=6))
def test_whoever_takes_the_stages_in_an_allowed_order_can_complete_a_flow(
    flows: list[tuple[str, ...]], tried: list[str]
) -> None:
    completed: list[str] = []
    for stage in [*tried, *flows[0]]:
        if may_come_next(flows, completed, stage):
            completed.append(stage)
    assert is_complete(flows, completed)
    assert not is_complete(flows, [])


def test_the_stages_of_a_flow_come_in_order() -> None:
    assert not may_come_next([("a", "b")], [], "b")
    assert may_come_next([("a", "b"), ("b",)], [], "b")
    assert may_come_next([("a", "b")], ["a"], "b")


async def test_passwords_are_the_same_from_every_keyboard() -> None:
    passwords = Passwords(minimum_cost=True)
    stored = await passwords.hash("caf\u00e9 \u2163")
    assert await passwords.verify("cafe\u0301 IV", stored)
    assert not await passwords.verify("cafe IV", stored)
    assert not await passwords.verify("", None)
    assert not await passwords.verify("anything", "not a hash")
    passwords.close()
