"""Text as searches compare it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.folding import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Alice", "alice"),
        ("JOSÉ", "jose"),
        ("Jose\u0301", "jose"),
        ("STRAẞE", "strasse"),
        ("ﬁn", "fin"),
        ("Łódź", "lodz"),
        ("İı", "ii"),
        ("ＡＢＣ", "abc"),
        ("ガ", "カ"),
        ("한국", "한국"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
    ],
)
def test_case_accents_and_forms_are_gone(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text(max_size=100))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(max_size=100))
def test_case_does_not_matter(text: str) -> None:
    assert fold(text.casefold()) == fold(text)
