"""What users are found by."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hs_core.matrix.identifiers import UserId
from hs_plugins.user_directory.terms import (
    MAX_TERM,
    MAX_TERMS,
    MAX_UMLAUTS,
    MAX_WORDS,
    languages_of,
    spellings,
    terms_of,
    words_of,
)

ALICE = UserId("@alice:hs.test")

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def finds(search: str, name: str, *languages: str) -> bool:
    terms = terms_of(ALICE, name)
    return any(
        words_of(each) and all(any(term.startswith(word) for term in terms) for word in words_of(each))
        for each in spellings(search, languages)
    )


@pytest.mark.parametrize(
    ("search", "name"),
    [
        ("alice", ""),
        ("@alice:hs.test", ""),
        ("@ALICE:hs", ""),
        ("hs.test", ""),
        ("jean", "Jean-Luc Picard"),
        ("luc pic", "Jean-Luc Picard"),
        ("picard jean-luc", "Jean-Luc Picard"),
        ("jose", "José"),
        ("JOSÉ", "Jose"),
        ("JOSE\u0301", "José"),
        ("istanbul", "İSTANBUL"),
        ("ISI", "ısı"),
        ("lodz", "Łódź"),
        ("strasse", "STRAẞE"),
        ("work", "Bob (work)"),
        ("(work)", "Bob (work)"),
        ("中太", "田中太郎"),
        ("철수", "김철수"),
        ("ａｌｉｃｅ", ""),
        ("🦊", "🦊 Fox"),
        ("\0fox", "\0Fox"),
    ],
)
def test_a_name_is_found_however_it_is_typed(search: str, name: str) -> None:
    assert finds(search, name)


@pytest.mark.parametrize(
    ("search", "name"),
    [("lice", ""), ("uc", "Jean-Luc"), ("jean spock", "Jean-Luc"), ("", "Alice"), (" \t", "Alice"), ("@", "Alice")],
)
def test_what_is_no_beginning_of_a_part_finds_nobody(search: str, name: str) -> None:
    assert not finds(search, name)


@pytest.mark.parametrize(
    ("search", "name"),
    [("Mueller", "Müller"), ("Müller", "Mueller"), ("AAGE", "Åge"), ("Michael Mueller", "Michael Müller")],
)
def test_who_speaks_a_language_with_umlauts_may_write_them_out(search: str, name: str) -> None:
    assert finds(search, name, "de")
    assert not finds(search, name, "en")
    assert finds(name, name, "de")


@given(names)
def test_every_name_is_found_by_itself_in_any_case(name: str) -> None:
    terms = terms_of(ALICE, name)
    assume(len(terms) < MAX_TERMS)
    for typed in (name, name.casefold()):
        for word in words_of(typed):
            assert any(term.startswith(word) for term in terms)


@given(st.text(max_size=2000))
def test_nothing_grows_without_bound(text: str) -> None:
    assert 0 < len(spellings(text, ["de"])) <= 2**MAX_UMLAUTS
    assert len(words_of(text)) <= MAX_WORDS
    terms = terms_of(ALICE, text)
    assert len(terms) <= MAX_TERMS
    assert all(0 < len(term) <= MAX_TERM for term in terms.union(words_of(text)))
    assert not any("\0" in term for term in terms)


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        (None, set()),
        ("", set()),
        ("*", set()),
        ("de", {"de"}),
        ("de-CH, en;q=0.8 ,*;q=0.1", {"de", "en"}),
        (";;,--,", set()),
    ],
)
def test_the_languages_of_a_header(header: str | None, languages: set[str]) -> None:
    assert languages_of(header) == languages
