"""Tokens carry a position for each stream, and nothing that is not one gets through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.errors import InvalidParam
from hs_core.streams.token import format_token, parse_token

KEYS = st.text("abcdefgh", min_size=1, max_size=8)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(KEYS, st.integers(0, 2**63 - 1), max_size=12))
def test_a_token_gives_back_the_positions_it_was_made_of(positions: dict[str, int]) -> None:
    assert parse_token(format_token(positions)) == positions


@pytest.mark.parametrize(
    "text", ["", "s", "s1_", "s1_e", "s1_e-1", "s1_E5", "s2_e5", "s1e5", "t5_6", "s1_e5_", "s1_e9223372036854775808",
             "s1_e٣", "banana", "s1" + "_e5" * 1000]
)  # fmt: skip
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidParam):
        parse_token(text)
