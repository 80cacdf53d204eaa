import math

from hs_core.matrix.identifiers import ServerName, UserId
from hs_core.matrix.server_acl import ServerAcl
from hs_core.matrix.via import choose_via, populations

BIG, SMALL, TINY, LONE = map(ServerName, ["big.org", "small.org", "tiny.org", "lone.org"])
POPULATION = {LONE: 1, SMALL: 10, BIG: 100, TINY: 2}


def user(server: ServerName) -> UserId:
    return UserId(f"@u:{server}")


def test_the_server_of_the_most_powerful_user_comes_before_the_most_popular() -> None:
    assert choose_via(POPULATION, {user(LONE): 100, user(TINY): 50}, None) == [LONE, BIG, SMALL]
    assert choose_via(POPULATION, {user(LONE): 100, user(TINY): math.inf}, None) == [TINY, BIG, SMALL]


def test_users_below_50_do_not_count_as_powerful() -> None:
    assert choose_via(POPULATION, {user(LONE): 49}, None) == [BIG, SMALL, TINY]


def test_among_equally_powerful_users_the_most_popular_server_wins() -> None:
    assert choose_via(POPULATION, {user(LONE): 100, user(SMALL): 100}, None) == [SMALL, BIG, TINY]


def test_denied_servers_and_addresses_are_never_chosen() -> None:
    acl = ServerAcl.from_content({"allow": ["*"], "deny": ["big.org"]})
    population = {**POPULATION, ServerName("1.2.3.4:80"): 1000, ServerName("[::1]"): 1000}

    assert choose_via(population, {user(BIG): 100}, acl) == [SMALL, TINY, LONE]


def test_a_small_room_gives_what_it_can() -> None:
    assert choose_via({BIG: 2}, {user(BIG): 100}, None) == [BIG]
    assert choose_via({}, {user(BIG): 100}, None) == []
    assert choose_via({BIG: 0}, {}, None) == []


def test_servers_are_counted_by_their_joined_users() -> None:
    assert populations([UserId("@a:big.org"), UserId("@b:big.org"), UserId("@a:tiny.org:80")]) == {
        BIG: 2,
        "tiny.org:80": 1,
    }
