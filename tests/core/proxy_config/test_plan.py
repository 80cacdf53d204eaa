"""Which requests go where."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.config import load
from hs_core.http.routes import Claim, RouteTable, claims_of
from hs_core.plugin.declaration import By, Resource
from hs_core.plugin.discovery import discover
from hs_core.proxy_config import NothingToProxy, caddy, haproxy, make_plan, nginx
from hs_core.proxy_config.deployment import Deployment
from hs_core.proxy_config.front import Front
from hs_core.proxy_config.plan import REFUSED
from tests.core.proxy_config.readers import Decide, by_caddy, by_haproxy, by_nginx, by_plan
from tests.core.proxy_config.toys import CLUSTER, PLUGINS, SECTIONS, SPLIT, config_of, plan_of

SEND = "/_matrix/client/v3/rooms/!a:b/send/m.room.message/1"


@pytest.fixture(params=["plan", "nginx", "haproxy", "caddy"])
def decide(request: pytest.FixtureRequest, tmp_path: Path) -> Decide:
    """How the split deployment's requests are sent on, by the plan and by what is made of it."""
    return deciding(request.param, SPLIT, tmp_path)


def deciding(by: str, text: str, folder: Path) -> Decide:
    plan = plan_of(folder, text)
    if by == "nginx":
        return by_nginx(nginx.render(plan))
    if by == "haproxy":
        return by_haproxy(haproxy.render(plan))
    return by_caddy(caddy.render(plan)) if by == "caddy" else by_plan(plan)


def test_a_sync_goes_to_the_sync_processes_by_user(decide: Decide) -> None:
    assert decide("GET", "/_matrix/client/v3/sync?timeout=30000&since=s1") == "hs_sync_by_user"
    assert decide("GET", "/_matrix/client/r0/events?from=s1") == "hs_sync_by_user"


def test_an_initial_sync_goes_to_the_processes_that_are_kept_for_them(decide: Decide) -> None:
    assert decide("GET", "/_matrix/client/v3/sync") == "hs_first_by_user"
    assert decide("GET", "/_matrix/client/v3/sync?since=&timeout=0") == "hs_first_by_user"
    assert decide("GET", "/_matrix/client/v3/rooms/!a:b/initialSync?since=1") == "hs_first_by_user"


def test_what_counts_as_initial_in_the_installed_plugins(tmp_path: Path) -> None:
    plugins = list(discover().plugins.values())
    file = tmp_path / "hs.yaml"
    file.write_text(
        CLUSTER
        + """
processes:
  sync: {plugins: ["*"], replicas: 2, listeners: [{port: 8110, proxied: true}]}
  first: {plugins: [sync], replicas: 2, tags: [initial_sync], listeners: [{port: 8120, proxied: true}]}
"""
    )
    config = load(file, {plugin.name: plugin.config for plugin in plugins}, {})
    decide = by_plan(make_plan(plugins, config, Front.of(config)))

    for initial in ("/v3/sync", "/r0/sync?timeout=0", "/api/v1/initialSync", "/v3/rooms/!a:b/initialSync?limit=1"):
        assert decide("GET", f"/_matrix/client{initial}") == "hs_first_by_user", initial
    for other in ("/v3/sync?since=s1", "/v3/events?from=s1", "/v3/user/@a:b/filter/1"):
        assert decide("GET", f"/_matrix/client{other}") == "hs_sync_by_user", other


def test_what_happens_in_a_room_goes_by_room(decide: Decide) -> None:
    assert decide("PUT", SEND) == "hs_edge_by_room"
    assert decide("POST", "/_matrix/client/v3/join/%23a%2Fb:c") == "hs_edge_by_room"
    assert decide("POST", "/_matrix/client/v3/createRoom") == "hs_edge_by_user"


def test_inbound_federation_goes_by_origin_and_the_rest_of_it_in_turn(decide: Decide) -> None:
    assert decide("PUT", "/_matrix/federation/v1/send/1") == "hs_inbound_by_origin"
    assert decide("GET", "/_matrix/federation/v1/query/profile?user_id=@a:b") == "hs_inbound"
    assert decide("GET", "/_matrix/key/v2/server") == "hs_inbound"


def test_a_literal_beside_a_wildcard_is_asked_first(decide: Decide) -> None:
    assert decide("GET", "/_matrix/client/v3/profile/@a:b/avatar_url") == "hs_edge"
    assert decide("GET", "/_matrix/client/v3/profile/@a:b/displayname") == "hs_rest"


def test_one_path_goes_to_different_processes_by_its_method(decide: Decide) -> None:
    assert decide("PUT", "/_matrix/client/v3/profile/@a:b/displayname") == "hs_edge"
    assert decide("HEAD", "/_matrix/client/v3/profile/@a:b/displayname") == "hs_rest"


def test_media_go_to_the_listener_that_carries_them(decide: Decide) -> None:
    assert decide("POST", "/_matrix/media/v3/upload?filename=a") == "hs_media"
    assert decide("GET", "/_matrix/client/v1/media/download/b/c/d") == "hs_media"


def test_what_nobody_declares_goes_to_any_process_that_carries_its_kind(decide: Decide) -> None:
    assert decide("GET", "/_matrix/client/v3/unheard/of") == "hs_edge_sync_rest"
    assert decide("GET", "/_matrix/federation/v9/unheard_of") == "hs_inbound_rest"
    assert decide("GET", "/_matrix/media/v9/unheard_of") == "hs_media_rest"


def test_the_servers_own_business_is_not_for_the_public(decide: Decide) -> None:
    for path in ("/_synapse/admin/v1/users", "/_synapse/admin/v9/new", "/metrics", "/health/ready"):
        assert decide("GET", path) == ""
    assert decide("GET", "/_matrix/client/v3/admin/whois/@a:b") == ""
    for path in ("/_synapse/%61dmin/v1/users", "/%5Fsynapse/admin/v1/users/..%2F..%2F..%2F..", "/%6Detrics"):
        assert decide("GET", path) == ""


def test_administrators_are_let_in_on_demand(tmp_path: Path) -> None:
    text = SPLIT.replace('plugins: ["*"]', 'plugins: ["*"]').replace(
        "port: 8140, proxied: true", "port: 8140, proxied: true, resources: [client, federation, keys, admin]"
    )
    decide = by_plan(plan_of(tmp_path, text, admin=True))

    assert decide("GET", "/_synapse/admin/v1/users") == "hs_rest"
    assert decide("GET", "/metrics") == ""


def test_a_server_without_federation_publishes_none(tmp_path: Path) -> None:
    decide = by_plan(plan_of(tmp_path, SPLIT + "federation: {enabled: false}\n"))

    assert decide("PUT", "/_matrix/federation/v1/send/1") == ""
    assert decide("GET", "/_matrix/key/v2/server") == ""
    assert decide("PUT", SEND) == "hs_edge_by_room"


def test_without_a_process_kept_for_them_initial_syncs_go_with_the_others(tmp_path: Path) -> None:
    decide = by_plan(plan_of(tmp_path, SPLIT.replace("tags: [initial_sync]", "tags: []")))

    assert decide("GET", "/_matrix/client/v3/sync") == decide("GET", "/_matrix/client/v3/sync?since=1")


def test_one_process_needs_no_rules_but_what_is_refused(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, "server_name: example.org\n")

    assert [rule.target for rule in plan.rules] == [REFUSED, REFUSED]
    assert [upstream.name for upstream in plan.upstreams] == ["hs_hs"]
    assert plan.otherwise.upstream == plan.upstreams[0]
    assert [address.authority for address in plan.upstreams[0].addresses] == ["127.0.0.1:8008"]


def test_each_replica_is_a_server_of_the_upstream(tmp_path: Path) -> None:
    upstreams = {upstream.name: upstream for upstream in plan_of(tmp_path, SPLIT).upstreams}

    addresses = upstreams["hs_sync_by_user"].addresses
    assert [(address.name, address.authority) for address in addresses] == [
        ("sync-0", "127.0.0.1:8110"),
        ("sync-1", "127.0.0.1:8111"),
        ("sync-2", "127.0.0.1:8112"),
    ]
    assert upstreams["hs_media"].addresses[0].socket == Path("/run/hs/media.sock")


def test_replicas_at_a_unix_socket_have_one_each(tmp_path: Path) -> None:
    text = CLUSTER + 'processes: {all: {plugins: ["*"], replicas: 2, listeners: [{socket: /run/hs/all.sock}]}}\n'

    addresses = plan_of(tmp_path, text).upstreams[0].addresses
    assert [str(address.socket) for address in addresses] == ["/run/hs/all.sock", "/run/hs/all.sock.1"]


def test_listeners_with_tls_are_left_to_those_who_come_directly(tmp_path: Path) -> None:
    text = CLUSTER + (
        "processes: {a: {plugins: ['*'], listeners: [{port: 8448, bind: 0.0.0.0, tls: {cert: c, key: k}}, {port: 9}]}}"
    )
    plan = plan_of(tmp_path, text)

    assert [address.port for address in plan.upstreams[0].addresses] == [9]
    assert plan.front.ports == (443,)
    with pytest.raises(NothingToProxy, match="no process has a listener without TLS"):
        plan_of(tmp_path, text.replace(", {port: 9}", ""))


def test_the_front_is_where_the_configuration_says(tmp_path: Path) -> None:
    def front(text: str) -> Front:
        return Front.of(config_of(tmp_path, text))

    assert front(CLUSTER).ports == (443, 8448)
    assert front(CLUSTER).host == "matrix.example.org"
    assert front("server_name: example.org:9448\n").ports == (9448,)
    assert front("server_name: a.b\npublic_baseurl: http://a.b:8080\n") == Front("a.b", (8080,), tls=False)


def test_notes_tell_what_has_to_be_done_elsewhere(tmp_path: Path) -> None:
    text = SPLIT.replace("port: 8110, proxied: true", "port: 8110").replace("[initial_sync]", "[inital_sync]")
    notes = "\n".join(plan_of(tmp_path, text).notes)

    assert '{"m.server": "matrix.example.org:443"}' in notes
    assert "add `proxied: true` to the listeners of sync: " in notes
    assert "no route has the tag 'inital_sync' of the process 'first'" in notes


def test_listeners_that_the_proxy_does_not_use_need_not_know_of_it(tmp_path: Path) -> None:
    text = SPLIT.replace(
        "listeners: [{port: 8110,", "listeners: [{port: 9000, resources: [metrics, admin]}, {port: 8110,"
    )

    assert text != SPLIT
    assert "proxied" not in "".join(plan_of(tmp_path, text).notes)
    with_admin = plan_of(tmp_path, text, admin=True)
    assert "add `proxied: true` to the listeners of sync: " in "".join(with_admin.notes)


def test_the_largest_upload_is_let_through(tmp_path: Path) -> None:
    assert plan_of(tmp_path, SPLIT).max_body == 30 << 20


@pytest.mark.parametrize("by", ["plan", "nginx", "haproxy", "caddy"])
def test_the_installed_plugins_routes_reach_processes_where_they_are_active(by: str, tmp_path: Path) -> None:
    plugins = list(discover().plugins.values())
    text = CLUSTER + "".join(
        f"  p{number}: {{plugins: [{plugin.name}], listeners: [{{port: {9000 + number}}}]}}\n"
        for number, plugin in enumerate(plugins)
    ).join(["processes:\n", ""])
    (tmp_path / "hs.yaml").write_text(text)
    from hs_core.config import load

    config = load(tmp_path / "hs.yaml", {plugin.name: plugin.config for plugin in plugins}, {})
    plan = make_plan(plugins, config, Front.of(config))
    render = {"nginx": nginx.render, "haproxy": haproxy.render, "caddy": caddy.render}
    read = {"nginx": by_nginx, "haproxy": by_haproxy, "caddy": by_caddy}
    decide = by_plan(plan) if by == "plan" else read[by](render[by](plan))
    for number, plugin in enumerate(plugins):
        for claim in claims_of([plugin]):
            path = concrete(claim)
            if not path.startswith("/_synapse/admin") and claim.route.resource not in {
                Resource.ADMIN,
                Resource.METRICS,
            }:
                assert decide(claim.route.method, path) == f"hs_p{number}", path


def concrete(claim: Claim, words: tuple[str, ...] = ("x",)) -> str:
    """A path that a route answers."""
    path = re.sub(r"\(\?:([^()|]*)[^()]*\)", r"\1", claim.route.path)
    path = re.sub(r"\(\?P<\w+>(?:\[\^/\][+*]|\.\*)\)", lambda match: words[match.start() % len(words)], path)
    path = re.sub(r"\(\?P<\w+>([^()|]*)[^()]*\)", r"\1", path)
    return path.replace("\\", "")


CLAIMS = [claim for claim in claims_of(PLUGINS) if claim.route.resource is not Resource.ADMIN]
TABLE = RouteTable(claims_of(PLUGINS))


@settings(max_examples=60, deadline=None)
@given(
    placing=st.lists(st.sets(st.sampled_from(sorted(SECTIONS)), min_size=1), min_size=1, max_size=4),
    words=st.lists(st.sampled_from(["avatar_url", "sync", "!r:e", "%2F", "send", "a%3Fb"]), min_size=1, max_size=5),
    claim=st.sampled_from(CLAIMS),
    method=st.sampled_from(["GET", "PUT", "POST"]),
)
def test_whatever_the_deployment_a_request_goes_where_its_route_is_active(
    placing: list[set[str]], words: list[str], claim: Claim, method: str
) -> None:
    path = concrete(claim, tuple(words))
    text = CLUSTER + "processes:\n"
    for number, plugins in enumerate(placing):
        text += f"  p{number}: {{plugins: [{', '.join(plugins)}], listeners: [{{port: {9000 + number}}}]}}\n"
    with TemporaryDirectory() as folder:
        config = config_of(Path(folder), text)
    plan = make_plan(PLUGINS, config, Front.of(config))
    upstreams = {upstream.name: {address.name for address in upstream.addresses} for upstream in plan.upstreams}
    try:
        match = TABLE.find(method, path.encode())
    except Exception:
        return
    deployment = Deployment.of(config, list(SECTIONS))
    expected = {each.name for each in deployment.answering(match.claim.route.resource, match.claim.plugin)}
    for decide in (
        by_plan(plan),
        by_nginx(nginx.render(plan)),
        by_haproxy(haproxy.render(plan)),
        by_caddy(caddy.render(plan)),
    ):
        assert upstreams[decide(method, path)] == expected


def test_the_room_is_found_in_every_path_that_goes_by_room(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, SPLIT)
    for claim in CLAIMS:
        if claim.route.affinity is By.ROOM:
            path = concrete(claim, ("!r:e",))
            rooms = [match[1] for pattern in plan.room_paths if (match := re.search(pattern, path))]
            assert rooms == ["!r:e"]
