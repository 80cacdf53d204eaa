"""Words, and how well they match."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.folding import fold
from hs_plugins.search.words import (
    MAX_PHRASES,
    MAX_SEARCHED,
    MAX_WORD,
    MAX_WORDS,
    highlights,
    occurrences,
    phrases_of,
    rank,
    words_of,
)

LETTERS = set("abcdefghijklmnopqrstuvwxyz0123456789")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Hello, World!", ["hello", "world"]),
        ("snake_case and kebab-case", ["snake", "case", "and", "kebab", "case"]),
        ("Jose\u0301 İSTANBUL", ["jose", "istanbul"]),
        ("v1.2.3", ["v1", "2", "3"]),
        ("東京tower", ["東", "京", "tower"]),
        ("हिन्दी में", [fold("हिन्दी"), fold("में")]),
        ("'\"\\&|!*:()<->^", []),
        ("a\0b", ["a", "b"]),
    ],
)
def test_the_words_of_a_text(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("search", "phrases"),
    [
        ("", []),
        ("red fox", [("red",), ("fox",)]),
        ('"red fox" jumps', [("red", "fox"), ("jumps",)]),
        ("foo-bar", [("foo", "bar")]),
        ("東京", [("東", "京")]),
        ("fox FOX fox!", [("fox",)]),
        ('"unclosed fox', [("unclosed",), ("fox",)]),
        ('"" " " -', []),
    ],
)
def test_the_phrases_of_a_search(search: str, phrases: list[tuple[str, ...]]) -> None:
    assert phrases_of(search) == phrases


@given(st.text(max_size=3000))
def test_no_word_has_a_character_that_means_something_to_an_engine(text: str) -> None:
    words = words_of(text)
    assert len(words) <= MAX_WORDS
    for word in words:
        assert 0 < len(word) <= MAX_WORD
        assert all(
            ord(character) > 127 or (character.isalnum() and character == character.lower()) for character in word
        )
        assert not any(character.isspace() for character in word)
    assert " ".join(words).split(" ") == (words or [""])


@given(st.text(max_size=200))
def test_a_text_is_found_by_itself(text: str) -> None:
    words = words_of(text)
    phrases = phrases_of(text)
    assert (rank(phrases, words) is not None) or not phrases


@given(st.text(max_size=5000))
def test_a_search_is_bounded(text: str) -> None:
    phrases = phrases_of(text)
    assert len(phrases) <= MAX_PHRASES
    assert sum(map(len, phrases)) <= MAX_SEARCHED


@pytest.mark.parametrize(
    ("phrase", "words", "times"),
    [
        (("a",), "a b a", 2),
        (("a", "b"), "a b a b b a", 2),
        (("a", "a"), "a a a", 2),
        (("a", "b"), "a", 0),
        (("a", "b"), "b a", 0),
    ],
)
def test_how_often_a_phrase_occurs(phrase: tuple[str, ...], words: str, times: int) -> None:
    assert occurrences(phrase, words.split()) == times


def test_more_often_and_in_a_shorter_text_is_better_and_without_a_phrase_is_no_match() -> None:
    fox = [("fox",)]
    once, twice, long = rank(fox, ["fox"]), rank(fox, ["fox", "fox"]), rank(fox, ["fox"] + ["x"] * 100)
    assert once is not None
    assert twice is not None
    assert long is not None
    assert twice > once > long > 0
    assert rank([("fox",), ("red",)], ["fox"]) is None


def test_highlights_are_the_words_as_they_are_written() -> None:
    assert highlights([("cafe",)], ["Ein CAFÉ, kein Kaffee; café!"]) == ["cafe", "café"]
    assert highlights([], ["anything"]) == []
