"""Who is in which namespace: pure, and for any identifiers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hs_core.config import Secret
from hs_core.config.appservices import AppService, Namespace, Namespaces
from hs_core.matrix.identifiers import RoomAlias, RoomId, ServerName, UserId
from hs_plugins.appservice.registered import Registered, Registry

HERE = ServerName("hs.test")
LOCALPARTS = st.text("ab_:.", max_size=4)
PATTERNS = st.sampled_from(["@.*", "@a", "@_a.*", "@b:hs", "#.*", "#_a", ".*:other", "!a", "@$"])
NAMESPACES = st.lists(st.builds(Namespace, PATTERNS, st.booleans()), max_size=3).map(tuple)


def service(name: str, users: tuple[Namespace, ...] = (), aliases: tuple[Namespace, ...] = ()) -> AppService:
    return AppService(
        id=name,
        url=None,
        as_token=Secret(f"as {name}"),
        hs_token=Secret(f"hs {name}"),
        sender_localpart=f"bot_{name}",
        namespaces=Namespaces(users=users, aliases=aliases, rooms=(Namespace("!a", False),)),
    )


@given(users=NAMESPACES, others=NAMESPACES, localpart=LOCALPARTS, server=st.sampled_from(["hs.test", "other"]))
def test_claims_say_who_may_have_a_user(
    users: tuple[Namespace, ...], others: tuple[Namespace, ...], localpart: str, server: str
) -> None:
    registry = Registry([service("one", users), service("two", others)], HERE)
    user = UserId(f"@{localpart}:{server}")

    for claims in (registry.claims_on(user), registry.claims_on(user)):  # the second is remembered
        one, two = registry.services["one"], registry.services["two"]
        if claims is None:
            assert not one.has_user(user)
            assert not two.has_user(user)
            continue
        assert claims.exclusive == (one.owns_user(user) or two.owns_user(user))
        for each in (one, two):
            assert (each.id in claims.interested) == (each.owns_user(user) if claims.exclusive else each.has_user(user))


@given(users=NAMESPACES, localpart=LOCALPARTS)
def test_who_owns_a_user_has_them_and_only_here(users: tuple[Namespace, ...], localpart: str) -> None:
    registered = Registered(service("one", users), HERE)

    assert registered.has_user(f"@{localpart}:hs.test") or not registered.owns_user(f"@{localpart}:hs.test")
    assert not registered.has_user(f"@{localpart}:other")
    assert not registered.has_user(f"@{localpart}:hs.test:8448")


def test_a_sender_is_its_services_alone() -> None:
    registry = Registry([service("one"), service("two", (Namespace("@.*", False),))], HERE)
    claims = registry.claims_on(UserId("@bot_one:hs.test"))

    assert claims is not None
    assert (claims.interested, claims.exclusive) == (("one",), True)
    acting = registry.acting(UserId("@bot_two:hs.test"))
    assert acting is not None
    assert acting.id == "two"


def test_a_service_is_not_asked_for_its_own_sender() -> None:
    registry = Registry([service("one", (Namespace("@_a.*", True),))], HERE)

    assert registry.having_user(UserId("@bot_one:hs.test")) == []
    assert [each.id for each in registry.having_user(UserId("@_a:hs.test"))] == ["one"]


def test_a_token_is_of_one_service_and_others_of_none() -> None:
    registry = Registry([service("one"), service("two")], HERE)

    assert registry.of_token("as two") is registry.services["two"]
    assert registry.of_token("hs two") is None


def test_aliases_and_rooms_are_claimed_too() -> None:
    registry = Registry([service("one", aliases=(Namespace("#_a", True),)), service("two")], HERE)

    claims = registry.claims_on_alias(RoomAlias("#_ab:hs.test"))
    assert claims is not None
    assert (claims.interested, claims.exclusive) == (("one",), True)
    elsewhere = registry.claims_on_alias(RoomAlias("#_ab:other"))
    assert elsewhere is not None
    assert (elsewhere.interested, elsewhere.exclusive) == (("one",), False)
    assert registry.claims_on_alias(RoomAlias("#b:hs.test")) is None
    assert registry.services["two"].has_room(RoomId("!abc:hs.test"))
    assert not registry.services["two"].has_room(RoomId("!bc:hs.test"))
