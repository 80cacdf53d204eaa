"""Who asks, and who may."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hs_core.cache import Cache
from hs_core.errors import Unauthorized
from hs_core.http.authenticate import REMEMBERED_FOR, token_hash
from hs_core.http.request import Request
from hs_core.matrix.identifiers import ServerName
from tests.core.http.toys import ALICE, BRIDGE, Toy


async def ask(toy: Toy, path: str, token: str | None = None) -> tuple[int, Any]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with toy.get(path, headers=headers) as response:
        return response.status, await response.json()


async def test_a_token_says_who_asks_in_a_header_or_in_the_query(toy: Toy) -> None:
    status, who = await ask(toy, "/who", "alice")
    assert (status, who["user_id"], who["device_id"]) == (200, ALICE, "PHONE")
    assert (await ask(toy, "/who?access_token=alice"))[1]["user_id"] == ALICE


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "alice", ""])
async def test_without_a_token_it_is_missing(toy: Toy, header: str) -> None:
    async with toy.get("/who", headers={"Authorization": header}) as response:
        assert response.status == 401
        assert (await response.json())["errcode"] == "M_MISSING_TOKEN"


async def test_a_token_that_is_not_good_is_unknown_and_says_whether_data_may_be_kept(toy: Toy) -> None:
    status, refusal = await ask(toy, "/who", "forged")
    assert (status, refusal["errcode"], refusal["soft_logout"]) == (401, "M_UNKNOWN_TOKEN", False)
    assert (await ask(toy, "/who", "expired"))[1]["soft_logout"] is True
    assert (await ask(toy, "/who", "\udcff\udcfe"))[0] == 401


async def test_a_token_is_optional_where_the_route_says_so_but_must_be_good(toy: Toy) -> None:
    assert await ask(toy, "/who/maybe") == (200, None)
    assert (await ask(toy, "/who/maybe", "alice"))[1]["user_id"] == ALICE
    assert (await ask(toy, "/who/maybe", "forged"))[0] == 401


async def test_only_an_application_service_is_known_where_everybody_may_ask(toy: Toy) -> None:
    assert (await ask(toy, "/who/appservice/maybe", "bridge"))[1]["user_id"] == BRIDGE
    for token in (None, "alice", "forged", "expired"):
        assert await ask(toy, "/who/appservice/maybe", token) == (200, None)


@pytest.mark.parametrize(
    ("path", "token", "errcode"),
    [
        ("/who", "guest", "M_GUEST_ACCESS_FORBIDDEN"),
        ("/who/guest", "guest", None),
        ("/who/admin", "alice", "M_FORBIDDEN"),
        ("/who/admin", "admin", None),
        ("/who/appservice", "alice", "M_FORBIDDEN"),
        ("/who/appservice", "bridge", None),
    ],
)
async def test_a_route_is_for_its_own_kind(toy: Toy, path: str, token: str, errcode: str | None) -> None:
    status, body = await ask(toy, path, token)
    assert (status, body.get("errcode")) == (403 if errcode else 200, errcode)


async def test_a_token_is_remembered_until_it_is_forgotten_or_old(toy: Toy) -> None:
    await ask(toy, "/who", "alice")
    await ask(toy, "/who", "alice")
    assert toy.tokens.asked == 1
    toy.site.authenticator.forget_token(token_hash("alice"))
    await ask(toy, "/who", "alice")
    assert toy.tokens.asked == 2
    toy.site.authenticator.forget_user(ALICE)
    del toy.tokens.known["alice"]
    assert (await ask(toy, "/who", "alice"))[0] == 401
    await ask(toy, "/who", "admin")
    toy.clock.at += REMEMBERED_FOR
    asked = toy.tokens.asked
    await ask(toy, "/who", "admin")
    assert toy.tokens.asked == asked + 1


async def test_a_token_that_is_removed_while_it_is_checked_is_not_remembered(toy: Toy) -> None:
    toy.tokens.meanwhile = lambda: toy.site.authenticator.forget_token(token_hash("alice"))
    assert (await ask(toy, "/who", "alice"))[0] == 200
    del toy.tokens.known["alice"]
    assert (await ask(toy, "/who", "alice"))[0] == 401


async def test_an_application_service_may_ask_as_its_users_and_nobody_else_may(toy: Toy) -> None:
    assert (await ask(toy, "/who", "bridge"))[1]["user_id"] == BRIDGE
    who = (await ask(toy, "/who?user_id=@_irc_bob:example.org&device_id=D", "bridge"))[1]
    assert (who["user_id"], who["device_id"], who["appservice"]) == ("@_irc_bob:example.org", "D", "irc")
    assert (await ask(toy, "/who?user_id=@alice:example.org", "bridge"))[1]["errcode"] == "M_EXCLUSIVE"
    assert (await ask(toy, "/who?user_id=nonsense", "bridge"))[0] == 400
    assert (await ask(toy, "/who?user_id=@_irc_bob:example.org", "alice"))[1]["user_id"] == ALICE


async def test_a_server_proves_itself_by_its_signature_once_somebody_can_check_it(toy: Toy) -> None:
    class Signatures:
        async def check(self, request: Request) -> ServerName:
            if request.header(b"authorization") != "X-Matrix good":
                raise Unauthorized
            return ServerName("remote.example")

    assert (await ask(toy, "/who/server"))[0] == 503
    toy.site.authenticator.signatures = Signatures()
    assert (await ask(toy, "/who/server"))[0] == 401
    async with toy.get("/who/server", headers={"Authorization": "X-Matrix good"}) as response:
        assert response.status == 200


async def test_until_tokens_can_be_checked_nobody_is_told_that_theirs_is_bad(toy: Toy) -> None:
    toy.site.authenticator.tokens = None
    assert (await ask(toy, "/who", "alice"))[0] == 503


def test_a_cache_is_bounded_and_drops_what_was_used_longest_ago() -> None:
    cache: Cache[str, int] = Cache(2, 10, lambda: 0)
    cache.put("a", 1)
    cache.put("b", 2)
    assert cache.get("a") == 1
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (1, None, 3)
    assert (cache.hits, cache.misses, len(cache)) == (3, 1, 2)


def test_a_requester_travels_between_processes(toy: Toy) -> None:
    requester = toy.tokens.known["alice"]
    assert msgspec.json.decode(msgspec.json.encode(requester), type=type(requester)) == requester
