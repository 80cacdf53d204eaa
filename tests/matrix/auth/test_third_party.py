"""Rules for invites by e-mail address and the like, and for the memberships that redeem them."""

from typing import Any

import pytest

from hs_core.matrix.auth import third_party
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import ServerName
from hs_core.matrix.room_version import RoomVersion
from hs_core.matrix.signing import SigningKey, sign_json
from hs_core.matrix.unpadded_base64 import encode_base64_urlsafe

from .rooms import ALICE, BOB, CAROL, Room, in_versions

KEY = SigningKey("1", bytes(31) + b"\x05")
OTHER_KEY = SigningKey("2", bytes(31) + b"\x02")
IDENTITY_SERVER = ServerName("id.example")
PUBLIC = KEY.verify_key.to_base64()
OTHER_PUBLIC = OTHER_KEY.verify_key.to_base64()


def room_of(version: RoomVersion, promise: dict[str, Any] | None = None) -> Room:
    """A room that Bob has left after promising an invite to somebody."""
    room = Room(version)
    room.put_members(alice="join", bob="leave")
    room.put("m.room.third_party_invite", BOB, {"public_key": PUBLIC} if promise is None else promise, "token")
    return room


def signed(key: SigningKey = KEY, **content: Any) -> dict[str, Any]:
    return sign_json({"mxid": CAROL, "token": "token", **content}, IDENTITY_SERVER, key)


def invite(room: Room, proof: Any, *, by: str = BOB) -> Event:
    return room.member(CAROL, "invite", by=by, third_party_invite={"display_name": "C", "signed": proof})


@in_versions()
def test_promising_an_invite_needs_the_invite_level(version: RoomVersion) -> None:
    room = Room(version)
    room.put_members(alice="join", bob="join", carol="join")
    room.put_power({BOB: 40}, invite=40, state_default=90, events={"m.room.third_party_invite": 90})

    assert room.allows(room.event("m.room.third_party_invite", BOB, {}, "token"))
    assert "invite level" in room.refusal(room.event("m.room.third_party_invite", CAROL, {}, "token"))


@in_versions()
def test_a_promise_is_kept_even_by_who_has_left(version: RoomVersion) -> None:
    room = room_of(version)

    assert room.allows(invite(room, signed()))


@in_versions()
@pytest.mark.parametrize(
    "promise",
    [
        {"public_key": OTHER_PUBLIC, "public_keys": [{"public_key": PUBLIC}]},
        {"public_keys": [None, {}, {"public_key": 1}, {"public_key": "?"}, {"public_key": PUBLIC}]},
        {"public_key": None, "public_keys": [{"public_key": PUBLIC + "="}]},
        {"public_key": encode_base64_urlsafe(KEY.verify_key.data)},
    ],
)
def test_any_of_the_promised_keys_will_do(version: RoomVersion, promise: dict[str, Any]) -> None:
    room = room_of(version, promise)

    assert room.allows(invite(room, signed()))


@in_versions()
@pytest.mark.parametrize(
    "promise", [{}, {"public_key": OTHER_PUBLIC}, {"public_key": "AAAA"}, {"public_keys": {"public_key": PUBLIC}}]
)
def test_no_other_key_will_do(version: RoomVersion, promise: dict[str, Any]) -> None:
    room = room_of(version, promise)

    assert "no signature" in room.refusal(invite(room, signed()))


@in_versions()
def test_one_right_signature_is_enough(version: RoomVersion) -> None:
    room = room_of(version)
    twice = sign_json(signed(OTHER_KEY), ServerName("other.example"), KEY)

    assert room.allows(invite(room, twice))


@in_versions()
@pytest.mark.parametrize(
    "signatures",
    [
        None,
        [],
        "x",
        {},
        {"id.example": None},
        {"id.example": {"ed25519:1": None}},
        {"id.example": {"ed25519:1": "AAAA"}},
    ],
)
def test_signatures_that_are_none(version: RoomVersion, signatures: Any) -> None:
    room = room_of(version)

    assert "no signature" in room.refusal(invite(room, {**signed(), "signatures": signatures}))


@in_versions()
def test_a_signature_is_of_everything_in_the_proof(version: RoomVersion) -> None:
    room = room_of(version)

    assert "no signature" in room.refusal(invite(room, {**signed(), "more": 1}))


@in_versions()
@pytest.mark.parametrize("value", [None, 1, [], {}, {"signed": None}, {"signed": "x"}, {"signed": {}}])
def test_a_property_without_proof_is_no_plain_invite(version: RoomVersion, value: Any) -> None:
    room = room_of(version)

    assert "third_party_invite" in room.refusal(room.member(CAROL, "invite", by=ALICE, third_party_invite=value))


@in_versions()
def test_each_part_of_a_proof_must_fit(version: RoomVersion) -> None:
    room = room_of(version)

    assert "does not match `state_key`" in room.refusal(invite(room, signed(mxid=ALICE)))
    assert "`mxid` and `token`" in room.refusal(invite(room, signed(mxid=None)))
    assert "`mxid` and `token`" in room.refusal(invite(room, signed(token=["token"])))
    assert "matching `token`" in room.refusal(invite(room, signed(token="other")))
    assert "does not match `sender`" in room.refusal(invite(room, signed(), by=ALICE))


@in_versions()
def test_the_banned_are_not_invited_by_a_promise(version: RoomVersion) -> None:
    room = room_of(version)
    room.put_member(CAROL, "ban")

    assert "banned" in room.refusal(invite(room, signed()))


@in_versions()
def test_nobody_makes_us_verify_for_ever(version: RoomVersion) -> None:
    many = [
        {"public_key": SigningKey("x", bytes([n]) * 32).verify_key.to_base64()} for n in range(third_party.MOST_KEYS)
    ]
    room = room_of(version, {"public_keys": [{"public_key": PUBLIC}, *many]})

    assert not room.allows(invite(room, signed()))
    room = room_of(version, {"public_keys": [{"public_key": PUBLIC}] * 100 + many[1:]})
    assert room.allows(invite(room, signed()))
