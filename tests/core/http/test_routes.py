"""The route table says the same as trying every regular expression, and says no to paths that it cannot read."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.errors import InvalidParam, Unrecognized
from hs_core.http.routes import BadRoute, Claim, RouteTable, overlaps, split_path, template
from hs_core.plugin.declaration import Route


async def nothing(role: Any, request: Any) -> Any:
    """These routes are only looked for."""


def claim(method: str, path: str, plugin: str = "toy") -> Claim:
    return Claim(plugin, Route(method, path, nothing))


LITERALS = ["a", "b", "a.b", "#x:y"]
PATTERNS = {"[^/]+": 1, "[^/]*": 2}
pieces = st.one_of(st.sampled_from(LITERALS), st.sampled_from(list(PATTERNS)), st.just("(?:a|b)"))
shapes = st.lists(pieces, min_size=1, max_size=3).flatmap(lambda s: st.sampled_from([s, [*s, ".*"]]))
requested = st.lists(st.sampled_from(["a", "a.b", "", "é/ü", "#x:y"]), min_size=1, max_size=4)


def declared(shape: list[str]) -> str:
    path = ""
    for index, piece in enumerate(shape):
        if piece in PATTERNS or piece == ".*":
            path += f"/(?P<p{index}>{piece})"
        else:
            path += "/" + (piece if piece.startswith("(") else re.escape(piece))
    return path


def scan(claims: list[Claim], method: str, segments: list[str]) -> tuple[Claim, dict[str, str]] | None:
    """Tries every regular expression; of those that fit the one with the most particular segments from the left."""
    coded = "/" + "/".join(quote(segment, safe="#:") for segment in segments)
    fitting = []
    for candidate in claims:
        match = re.fullmatch(candidate.route.path, coded)
        if match and candidate.route.method == method:
            fitting.append((particularity(candidate.route.path), candidate, match.groupdict()))
    if not fitting:
        return None
    _, best, groups = min(fitting, key=lambda found: found[0])
    return best, groups


def particularity(path: str) -> list[int]:
    ends = {"_+)": 1, "_*)": 2, ".*)": 3}
    return [ends.get(piece[-3:], 0) for piece in re.sub(r"\[\^/\]", "_", path).split("/")[1:]]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["GET", "PUT"]), shapes), max_size=8), requested)
def test_the_table_finds_what_trying_every_route_would_find(
    drawn: list[tuple[str, list[str]]], segments: list[str]
) -> None:
    claims: list[Claim] = []
    for method, shape in drawn:
        added = claim(method, declared(shape))
        if not overlaps([*claims, added]):
            claims.append(added)
    table = RouteTable(claims)
    raw = ("/" + "/".join(quote(segment, safe="#:") for segment in segments)).encode()
    expected = scan(claims, "GET", segments)
    if expected is None:
        with pytest.raises(Unrecognized) as caught:
            table.find("GET", raw)
        assert caught.value.status == (405 if scan(claims, "PUT", segments) else 404)
        return
    match = table.find("GET", raw)
    assert match.claim is expected[0]
    assert match.params == {name: unquote(value) for name, value in expected[1].items()}


def test_a_literal_comes_before_a_wildcard_and_wildcards_are_tried_when_it_leads_nowhere() -> None:
    literal, wild = claim("GET", "/rooms/new/members"), claim("GET", "/rooms/(?P<room>[^/]+)/state")
    table = RouteTable([wild, literal, claim("POST", "/rooms/new")])
    assert table.find("GET", b"/rooms/new/members").claim is literal
    match = table.find("GET", b"/rooms/new/state")
    assert match.claim is wild
    assert match.params == {"room": "new"}


def test_only_a_wildcard_that_may_be_empty_takes_an_empty_segment() -> None:
    table = RouteTable([claim("GET", "/x/(?P<id>[^/]+)"), claim("GET", "/y/(?P<id>[^/]*)")])
    assert table.find("GET", b"/y/").params == {"id": ""}
    with pytest.raises(Unrecognized):
        table.find("GET", b"/x/")


def test_a_method_that_only_the_wildcard_has_is_found_past_the_literal() -> None:
    wild = claim("PUT", "/x/(?P<id>[^/]+)")
    table = RouteTable([claim("GET", "/x/a"), wild])
    assert table.find("PUT", b"/x/a").claim is wild


def test_alternatives_may_span_several_segments_and_may_be_named() -> None:
    table = RouteTable([claim("GET", r"/(?:v1|unstable/org\.example)/(?P<kind>email|msisdn)/x")])
    assert table.find("GET", b"/unstable/org.example/email/x").params == {"kind": "email"}
    assert table.find("GET", b"/v1/msisdn/x").params == {"kind": "msisdn"}
    with pytest.raises(Unrecognized):
        table.find("GET", b"/v1/other/x")


def test_a_literal_is_found_however_it_is_encoded() -> None:
    table = RouteTable([claim("GET", "/versions")])
    assert table.find("GET", b"/%76ersions").params == {}


def test_a_tail_takes_all_that_follows() -> None:
    table = RouteTable([claim("GET", "/files/(?P<rest>.*)")])
    assert table.find("GET", b"/files/a/b%20c/").params == {"rest": "a/b c/"}
    assert table.find("GET", b"/files/").params == {"rest": ""}


def test_head_is_answered_by_the_route_for_get() -> None:
    get = claim("GET", "/versions")
    assert RouteTable([get]).find("HEAD", b"/versions").claim is get


def test_another_method_is_405_and_names_those_there_are() -> None:
    table = RouteTable([claim("GET", "/x"), claim("PUT", "/(?P<y>[^/]+)")])
    with pytest.raises(Unrecognized) as caught:
        table.find("POST", b"/x")
    assert (caught.value.status, caught.value.headers) == (405, {"Allow": "GET, PUT"})


@pytest.mark.parametrize("path", [b"/%ff", b"/%c3%28", b"/a%00b"])
def test_a_path_that_is_no_text_is_refused(path: bytes) -> None:
    with pytest.raises(InvalidParam):
        RouteTable([claim("GET", "/(?P<y>[^/]+)")]).find("GET", path)


@given(st.binary(max_size=40))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_split_or_refused(path: bytes) -> None:
    try:
        segments = split_path(b"/" + path)
    except InvalidParam:
        return
    assert len(segments) == path.count(b"/") + 1


@pytest.mark.parametrize(
    "path",
    [
        "",
        "x",
        "/a.b",
        "/a+",
        "/(?P<x>\\d+)",
        "/x(?P<y>[^/]+)",
        "/(?P<rest>.*)/more",
        "/(?:a|(?:b|c))",
        "/[^/]+",
        "/^a$",
    ],
)
def test_a_path_that_is_not_made_of_segments_is_refused_by_name(path: str) -> None:
    with pytest.raises(BadRoute, match="plugin 'toy', GET"):
        RouteTable([claim("GET", path)])


def test_two_plugins_that_claim_one_url_are_found() -> None:
    mine = claim("GET", "/(?:v3|r0)/rooms/(?P<room_id>[^/]+)", "mine")
    theirs = claim("GET", "/(?:v1|r0)/rooms/(?P<id>[^/]+)", "theirs")
    beside = claim("GET", "/v3/rooms/new", "beside")
    assert overlaps([mine, theirs, beside, claim("PUT", "/v3/rooms/(?P<id>[^/]+)")]) == [(mine, theirs)]
    with pytest.raises(BadRoute, match=r"'theirs'.*'mine'"):
        RouteTable([mine, theirs])


def test_a_template_is_what_people_read() -> None:
    assert template(r"/(?:v3|r0)/\.x/(?P<room_id>[^/]+)") == "/(v3|r0)/.x/{room_id}"
