"""Tokens for places in timelines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.errors import InvalidParam
from hs_core.matrix.identifiers import RoomId
from hs_plugins.rooms.api import Place, place_from_token, place_to_token

ROOM = RoomId("!room:example.org")
NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1)


class Timelines:
    """Says where the stream was: at a depth ten times its position."""

    async def place_at(self, room_id: RoomId, position: int) -> Place:
        return Place(position * 10, position)


@settings(max_examples=50, deadline=None)
@given(NUMBERS, NUMBERS)
async def test_a_token_gives_back_its_place(depth: int, position: int) -> None:
    place = Place(depth, position)
    assert await place_from_token(place_to_token(place), ROOM, Timelines()) == place


async def test_where_a_sync_ended_is_a_place_in_each_room() -> None:
    assert await place_from_token("s1_e7_r3", ROOM, Timelines()) == Place(70, 7)


@pytest.mark.parametrize("text", ["", "t", "t5", "t5_", "t5_6_7", "t9999999999999999999_1", "x5_6", "t٣_1"])
async def test_what_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(InvalidParam):
        await place_from_token(text, ROOM, Timelines())
