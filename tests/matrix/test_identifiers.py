from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import (
    MxcUri,
    ServerName,
    UserId,
    is_compliant_user_id,
    localpart_of,
    new_user_id,
    parse_device_id,
    parse_event_id,
    parse_key_id,
    parse_mxc_uri,
    parse_new_user_id,
    parse_room_alias,
    parse_room_id,
    parse_server_name,
    parse_user_id,
    server_name_of,
)

PARSERS: list[Callable[[object], object]] = [
    parse_server_name,
    parse_user_id,
    parse_new_user_id,
    parse_room_id,
    parse_event_id,
    parse_room_alias,
    parse_device_id,
    parse_key_id,
    parse_mxc_uri,
]
HASH = "Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ"


@pytest.mark.parametrize(
    "name",
    [
        "matrix.org",
        "matrix.org:8888",
        "1.2.3.4",
        "1.2.3.4:1234",
        "[1234:5678::abcd]",
        "[1234:5678::abcd]:5678",
        "localhost",
        "UPPER.example",
        "[::ffff:1.2.3.4]:1",
        "x" * 255,
    ],
)
def test_server_names_of_the_grammar_are_accepted(name: str) -> None:
    assert parse_server_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "example.org:",
        "example.org:123456",
        "example.org:http",
        "example.org\n",
        "exam ple.org",
        "example.org/path",
        "user@example.org",
        "ex_ample.org",
        "bücher.example",
        "256.1.1.1",
        "1.2.3.999:80",
        "[1234:5678::abcd",
        "[::1::2]",
        "[1.2.3.4]",
        "[fe80::1%eth0]",
        "::1",
        "١.٢.٣.٤",
        "x" * 256,
        "example.org:٨٠",
    ],
)
def test_other_server_names_are_refused(name: str) -> None:
    with pytest.raises(ProtocolError):
        parse_server_name(name)


@pytest.mark.parametrize(
    "user",
    ["@alice:example.org", "@Alice:example.org", "@:example.org", "@ü!\n :example.org", "@a:[::1]:8448"],
)
def test_any_historical_user_id_is_accepted(user: str) -> None:
    assert parse_user_id(user) == user


@pytest.mark.parametrize(
    "user",
    ["", "@", "alice:example.org", "@alice", "@alice:", "@a\0b:example.org", "@\ud800:example.org", "@a:b:c", "#a:b.c"],
)
def test_what_was_never_a_user_id_is_refused(user: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        parse_user_id(user)
    assert refused.value.errcode == "M_INVALID_PARAM"


@pytest.mark.parametrize(
    ("parse", "sigil"), [(parse_user_id, "@"), (parse_room_alias, "#"), (parse_room_id, "!"), (parse_event_id, "$")]
)
def test_identifiers_have_at_most_255_bytes_of_utf8(parse: Callable[[object], object], sigil: str) -> None:
    longest = sigil + "ü" * 123 + "abc" + ":a.b"
    assert len(longest.encode()) == 254
    assert parse(longest) == longest
    with pytest.raises(ProtocolError):
        parse(longest.replace("abc", "abcde"))


def test_new_users_get_only_what_the_grammar_allows() -> None:
    assert parse_new_user_id("@a.b_c=d-e/f+9:example.org") == "@a.b_c=d-e/f+9:example.org"
    for user in ("@Alice:example.org", "@:example.org", "@ü:example.org", "@a b:example.org", "@a\n:example.org"):
        with pytest.raises(ProtocolError):
            parse_new_user_id(user)


def test_registration_says_that_the_user_name_is_invalid() -> None:
    server = ServerName("example.org")
    assert new_user_id("alice", server) == "@alice:example.org"
    for localpart in ("", "Alice", "a:b", "ü", "a" * 255):
        with pytest.raises(ProtocolError) as refused:
            new_user_id(localpart, server)
        assert refused.value.errcode == "M_INVALID_USERNAME"


def test_user_ids_outside_printable_ascii_are_not_compliant() -> None:
    assert is_compliant_user_id(UserId("@Alice!~:example.org"))
    for user in ("@:example.org", "@a b:example.org", "@ü:example.org", "@\x7f:example.org"):
        assert not is_compliant_user_id(UserId(user))


def test_room_ids_have_a_domain_or_are_a_hash() -> None:
    for room in ("!abc:example.org", "!ü\n:example.org:80", "!" + HASH):
        assert parse_room_id(room) == room
    for room in ("!abc", "!" + HASH[:-1], "!" + HASH + "=", "!" + HASH.replace("-", "+"), "$" + HASH, "!a:"):
        with pytest.raises(ProtocolError):
            parse_room_id(room)


def test_event_ids_have_a_domain_or_are_a_hash_in_either_alphabet() -> None:
    for event in ("$abc:example.org", "$" + HASH, "$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk"):
        assert parse_event_id(event) == event
    mixed = "$" + HASH[:-1] + "+"
    for event in ("$abc", "$" + HASH + "\n", mixed, "!" + HASH, "$a:b c"):
        with pytest.raises(ProtocolError):
            parse_event_id(event)


def test_room_aliases_may_be_of_any_script() -> None:
    assert parse_room_alias("#日本 語:example.org") == "#日本 語:example.org"
    for alias in ("#a", "#a\0:example.org", "a:example.org"):
        with pytest.raises(ProtocolError):
            parse_room_alias(alias)


def test_device_ids_are_opaque_but_bounded() -> None:
    assert parse_device_id("Jane's phone ☎") == "Jane's phone ☎"
    for device in ("", "a\0", "x" * 256, "\udfff"):
        with pytest.raises(ProtocolError):
            parse_device_id(device)


def test_key_ids_name_an_algorithm_and_a_key() -> None:
    for key in ("ed25519:a_1", "signed_curve25519:AAAAHQ", "ed25519:JLAFKJWSCS", "ed25519:a+b/c="):
        assert parse_key_id(key) == key
    for key in ("ed25519", "ed25519:", ":a", "ed25519:a b", "Ed:a", "a:" + "b" * 255):
        with pytest.raises(ProtocolError):
            parse_key_id(key)


def test_mxc_uris_cannot_leave_the_media_store() -> None:
    uri = parse_mxc_uri("mxc://example.org:8448/abc_DEF-9")
    assert uri == MxcUri(ServerName("example.org:8448"), "abc_DEF-9")
    assert str(uri) == "mxc://example.org:8448/abc_DEF-9"
    for bad in (
        "mxc://127.0.0.1/../../../some_service/etc/passwd",
        "mxc://example.org/",
        "mxc://example.org",
        "mxc:///abc",
        "mxc://example.org/a%2fb",
        "mxc://example.org/a?b",
        "http://example.org/a",
        "mxc://example.org/" + "a" * 256,
    ):
        with pytest.raises(ProtocolError):
            parse_mxc_uri(bad)


def test_an_identifier_is_divided_at_its_first_colon() -> None:
    assert localpart_of("@alice:[::1]:80") == "alice"
    assert server_name_of("@alice:[::1]:80") == "[::1]:80"
    assert localpart_of("!" + HASH) == HASH
    with pytest.raises(ProtocolError):
        server_name_of("!" + HASH)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("value", [None, True, 1, 1.5, [], {}, b"@a:b.c", ["@a:b.c"]])
def test_what_is_not_text_is_no_identifier(parse: Callable[[object], object], value: object) -> None:
    with pytest.raises(ProtocolError):
        parse(value)


@given(st.sampled_from(PARSERS), st.text(alphabet=st.characters(codec=None), max_size=40), st.sampled_from("@!#$m"))
def test_text_is_returned_as_it_is_or_refused(parse: Callable[[object], object], text: str, sigil: str) -> None:
    for value in (text, sigil + text, f"{sigil}{text}:a.b"):
        try:
            parsed = parse(value)
        except ProtocolError:
            continue
        assert str(parsed) == value
