"""Push rules, as a user's clients see them."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import homeserver
from hs_core.testing.http import Json, path
from hs_core.testing.sync import Sync

NOTIFY = {"actions": ["notify"]}


def rule(kind: str, rule_id: str, *rest: str) -> str:
    return path("pushrules", "global", kind, rule_id, *rest)


async def own_rules(user: User, kind: str) -> list[str]:
    rules = await user.request("GET", "/pushrules/global/")
    return [each["rule_id"] for each in rules[kind] if not each["default"]]


def shown(sync: Sync) -> Json | None:
    """The content of `m.push_rules`."""
    events = sync.get("account_data", {}).get("events", [])
    return next((event["content"] for event in events if event["type"] == "m.push_rules"), None)


async def test_who_has_changed_nothing_has_the_default_rules(client: Client) -> None:
    alice = await client.register()
    rules = await alice.request("GET", "/pushrules/")
    assert set(rules) == {"global"}
    assert rules["global"] == await alice.request("GET", "/pushrules/global/")
    assert set(rules["global"]) == {"override", "content", "room", "sender", "underride"}
    assert rules["global"]["override"][0] == {
        "rule_id": ".m.rule.master",
        "default": True,
        "enabled": False,
        "actions": [],
        "conditions": [],
    }
    mention = next(each for each in rules["global"]["override"] if each["rule_id"] == ".m.rule.is_user_mention")
    assert mention["conditions"][0]["value"] == alice.user_id


@pytest.mark.parametrize(
    ("kind", "rule_id", "body"),
    [
        ("override", "mine", {**NOTIFY, "conditions": [{"kind": "event_match", "key": "type", "pattern": "m.*"}]}),
        ("underride", "mine", {**NOTIFY, "conditions": []}),
        ("content", "nocake", {"actions": [], "pattern": "cake*lie"}),
        ("room", "!room:example.org", {"actions": ["notify", {"set_tweak": "sound", "value": "bing"}]}),
        ("sender", "@spam:example.org", {"actions": []}),
    ],
)
async def test_a_rule_of_each_kind_comes_and_goes(client: Client, kind: str, rule_id: str, body: Json) -> None:
    alice = await client.register()
    where = rule(kind, rule_id)
    assert await alice.error("GET", where) == (404, "M_NOT_FOUND")
    assert await alice.request("PUT", where, json=body) == {}
    expected = {"rule_id": rule_id, "default": False, "enabled": True, **body}
    assert await alice.request("GET", where) == expected
    assert (await alice.request("GET", "/pushrules/"))["global"][kind].count(expected) == 1
    assert await alice.request("DELETE", where) == {}
    assert await alice.error("GET", where) == (404, "M_NOT_FOUND")
    assert await alice.error("DELETE", where) == (404, "M_NOT_FOUND")


async def test_the_rules_of_one_kind_are_listed(client: Client) -> None:
    alice = await client.register()
    await alice.request("PUT", rule("sender", "@b:x"), json=NOTIFY)
    for kind, rules in (await alice.request("GET", "/pushrules/global/")).items():
        assert await alice.request("GET", f"/pushrules/global/{kind}/") == rules
    assert await alice.error("GET", "/pushrules/global/nonsense/") == (400, "M_INVALID_PARAM")


async def test_rules_for_a_room_follow_the_user_to_the_one_that_replaces_it(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    old = await alice.create_room(preset="public_chat")
    await bob.join(old)
    conditions = [
        {"kind": "event_match", "key": "room_id", "pattern": old},
        {"kind": "event_match", "key": "type", "pattern": old},
    ]
    await bob.request("PUT", rule("override", old), json={"actions": [], "conditions": conditions})
    await bob.request("PUT", rule("room", "!other:x"), json=NOTIFY)
    await bob.request("PUT", rule("room", old), json=NOTIFY)
    await bob.request("PUT", rule("room", old, "enabled"), json={"enabled": False})
    new = (await alice.request("POST", path("rooms", old, "upgrade"), json={"new_version": "11"}))["replacement_room"]
    since = (await bob.sync()).next_batch
    await bob.join(new)
    await bob.sync_until(shown, since)
    assert await own_rules(bob, "room") == [old, new, "!other:x"]
    assert (await bob.request("GET", rule("room", new)))["enabled"] is False
    copied = await bob.request("GET", rule("override", new))
    assert copied["conditions"] == [{**conditions[0], "pattern": new}, conditions[1]]


async def test_the_first_sync_of_old_shows_only_what_users_have_set(client: Client) -> None:
    alice = await client.register()
    await alice.request("PUT", alice.path("account_data", "org.example.a"), json={})
    snapshot = await alice.request("GET", "/initialSync")
    assert [event["type"] for event in snapshot["account_data"]] == ["org.example.a"]


async def test_rules_are_placed_beside_others(client: Client) -> None:
    alice = await client.register()

    async def put(rule_id: str, **query: str) -> None:
        await alice.request("PUT", rule("sender", rule_id), json=NOTIFY, params=query)

    await put("@b:x")
    await put("@a:x")
    assert await own_rules(alice, "sender") == ["@a:x", "@b:x"]
    await put("@c:x", after="@b:x")
    await put("@d:x", before="@b:x")
    assert await own_rules(alice, "sender") == ["@a:x", "@d:x", "@b:x", "@c:x"]
    await put("@c:x", before="@a:x", after="@b:x")
    assert await own_rules(alice, "sender") == ["@c:x", "@a:x", "@d:x", "@b:x"]


@pytest.mark.parametrize("neighbour", [{"before": "nobody"}, {"after": "nobody"}, {"before": ".m.rule.master"}])
async def test_there_is_no_place_beside_a_rule_that_is_not_the_user_s(
    client: Client, neighbour: dict[str, str]
) -> None:
    alice = await client.register()
    answer = await alice.answer("PUT", rule("override", "mine"), json=NOTIFY, params=neighbour)
    assert (answer.status, answer.errcode) == (400, "M_UNKNOWN")
    assert await own_rules(alice, "override") == []


async def test_rules_are_switched_off_and_on(client: Client) -> None:
    alice = await client.register()
    await alice.request("PUT", rule("content", "mine"), json={**NOTIFY, "pattern": "cake"})
    for kind, rule_id, at_first in (("content", "mine", True), ("override", ".m.rule.master", False)):
        where = rule(kind, rule_id, "enabled")
        assert await alice.request("GET", where) == {"enabled": at_first}
        await alice.request("PUT", where, json={"enabled": not at_first})
        assert await alice.request("GET", where) == {"enabled": not at_first}
        assert (await alice.request("GET", rule(kind, rule_id)))["enabled"] is not at_first


async def test_a_rule_that_is_put_again_stays_off(client: Client) -> None:
    alice = await client.register()
    await alice.request("PUT", rule("sender", "@b:x"), json=NOTIFY)
    await alice.request("PUT", rule("sender", "@b:x", "enabled"), json={"enabled": False})
    await alice.request("PUT", rule("sender", "@b:x"), json={"actions": []})
    found = await alice.request("GET", rule("sender", "@b:x"))
    assert (found["enabled"], found["actions"]) == (False, [])


async def test_actions_are_changed(client: Client) -> None:
    alice = await client.register()
    await alice.request("PUT", rule("sender", "@b:x"), json=NOTIFY)
    actions = ["notify", {"set_tweak": "highlight"}]
    for where in (rule("sender", "@b:x", "actions"), rule("underride", ".m.rule.message", "actions")):
        assert await alice.request("GET", where) == NOTIFY
        await alice.request("PUT", where, json={"actions": actions})
        assert await alice.request("GET", where) == {"actions": actions}


async def test_what_a_rule_that_is_not_there_does_is_not_known(client: Client) -> None:
    alice = await client.register()
    for last, body in (("enabled", {"enabled": True}), ("actions", NOTIFY)):
        where = rule("override", "none", last)
        assert await alice.error("GET", where) == (404, "M_NOT_FOUND")
        assert await alice.error("PUT", where, json=body) == (404, "M_NOT_FOUND")


async def test_default_rules_are_neither_deleted_nor_replaced(client: Client) -> None:
    alice = await client.register()
    assert await alice.error("DELETE", rule("override", ".m.rule.master")) == (404, "M_NOT_FOUND")
    assert await alice.error("PUT", rule("override", ".m.rule.master"), json=NOTIFY) == (400, "M_INVALID_PARAM")


@pytest.mark.parametrize(
    ("where", "body", "errcode"),
    [
        ("/override/mine", {}, "M_MISSING_PARAM"),
        ("/override/mine", {"actions": "notify"}, "M_BAD_JSON"),
        ("/override/mine", {"actions": ["nonsense"]}, "M_INVALID_PARAM"),
        ("/override/mine", {"actions": [{}]}, "M_INVALID_PARAM"),
        ("/override/mine", {"actions": [], "conditions": {}}, "M_BAD_JSON"),
        ("/override/mine", {"actions": [], "conditions": [{}]}, "M_MISSING_PARAM"),
        ("/content/mine", {"actions": []}, "M_MISSING_PARAM"),
        ("/nonsense/mine", {"actions": []}, "M_INVALID_PARAM"),
        ("/room/.mine", {"actions": []}, "M_INVALID_PARAM"),
        ("/room/a%5Cb", {"actions": []}, "M_INVALID_PARAM"),
        ("/room/a%2Fb", {"actions": []}, "M_INVALID_PARAM"),
        ("/room/" + "x" * 256, {"actions": []}, "M_INVALID_PARAM"),
        ("/override/.m.rule.master/enabled", {"enabled": "yes"}, "M_BAD_JSON"),
        ("/override/.m.rule.master/enabled", {}, "M_MISSING_PARAM"),
        ("/override/.m.rule.master/actions", {}, "M_MISSING_PARAM"),
        ("/override/mine", [], "M_BAD_JSON"),
    ],
)
async def test_what_is_no_rule_is_refused(client: Client, where: str, body: Any, errcode: str) -> None:
    alice = await client.register()
    before = await alice.request("GET", "/pushrules/")
    assert await alice.error("PUT", "/pushrules/global" + where, json=body) == (400, errcode)
    assert await alice.request("GET", "/pushrules/") == before


@pytest.mark.parametrize(
    ("method", "where"),
    [
        ("GET", "/global"),
        ("GET", "/global/room"),
        ("GET", "/device/"),
        ("GET", "/global/room/a/b/c"),
        ("GET", "/global/override/.m.rule.master/nonsense"),
        ("PUT", "/"),
        ("PUT", "/global"),
        ("PUT", "/global/room/"),
        ("PUT", "/device/room/a"),
        ("PUT", "/global/override/.m.rule.master/nonsense"),
        ("DELETE", "/global/room/"),
    ],
)
async def test_paths_below_that_are_none_are_refused(client: Client, method: str, where: str) -> None:
    alice = await client.register()
    assert await alice.error(method, "/pushrules" + where, json={}) == (400, "M_UNRECOGNIZED")


async def test_there_is_nothing_without_a_slash(client: Client) -> None:
    alice = await client.register()
    assert await alice.error("GET", "/pushrules") == (404, "M_UNRECOGNIZED")


async def test_all_rules_together_have_a_bound(client: Client) -> None:
    alice = await client.register()
    condition = {"kind": "org.example", "large": "x" * 1000}
    body = {"actions": [], "conditions": [condition] * 15}
    refused = None
    for number in range(100):
        answer = await alice.answer("PUT", rule("override", f"rule{number}"), json=body)
        if answer.status != 200:
            refused = answer
            break
    assert refused is not None
    assert (refused.status, refused.errcode) == (413, "M_TOO_LARGE")
    await alice.request("DELETE", rule("override", "rule0"))


async def test_conditions_that_only_clients_understand_are_kept_as_they_are(client: Client) -> None:
    alice = await client.register()
    conditions = b'[{"kind":"org.example","deep":' + b"[" * 300 + b"1.5" + b"]" * 300 + b"}]"
    await alice.request("PUT", rule("override", "mine"), data=b'{"actions": [], "conditions": ' + conditions + b"}")
    assert (await alice.request("GET", rule("override", "mine")))["conditions"] == orjson.loads(conditions)
    read = await alice.request("GET", alice.path("account_data", "m.push_rules"))
    assert read == shown(await alice.sync())


async def test_the_first_sync_shows_the_rules(client: Client) -> None:
    alice = await client.register()
    assert shown(await alice.sync()) == await alice.request("GET", "/pushrules/")
    await alice.request("PUT", rule("sender", "@b:x"), json=NOTIFY)
    assert shown(await alice.sync()) == await alice.request("GET", "/pushrules/")


async def test_clients_are_told_when_rules_change_and_only_then(client: Client) -> None:
    alice, bob = await client.register(), await client.register()
    since, bobs = (await alice.sync()).next_batch, (await bob.sync()).next_batch
    await alice.request("PUT", rule("sender", "@b:x"), json=NOTIFY)
    sync = await alice.sync_until(shown, since)
    assert shown(sync) == await alice.request("GET", "/pushrules/")
    await alice.request("PUT", rule("sender", "@b:x"), json=NOTIFY)
    assert shown(await alice.sync(sync.next_batch)) is None
    assert shown(await bob.sync(bobs)) is None


async def test_rules_are_read_as_account_data_and_not_set_there(client: Client) -> None:
    alice = await client.register()
    where = alice.path("account_data", "m.push_rules")
    assert await alice.request("GET", where) == await alice.request("GET", "/pushrules/")
    assert await alice.error("PUT", where, json={"global": {}}) == (405, "M_BAD_JSON")


async def test_rules_changed_before_a_restart_are_told_after_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hs.db"
    async with homeserver(tmp_path, url) as server, Client(server.url, shared_secret=server.shared_secret) as client:
        alice, bob = await client.register(), await client.register()
        since, bobs = (await alice.sync()).next_batch, (await bob.sync()).next_batch
        await alice.request("PUT", rule("sender", "@b:x"), json=NOTIFY)
    async with homeserver(tmp_path, url) as server, Client(server.url) as client:
        again = User(client, alice.login, alice.password)
        assert await own_rules(again, "sender") == ["@b:x"]
        assert shown(await again.sync(since)) == await again.request("GET", "/pushrules/")
        assert shown(await User(client, bob.login, bob.password).sync(bobs)) is None
