import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.globs import Glob

PATTERNS = st.text("ab_ .*?", max_size=8)
TEXTS = st.text("ab_ .é", max_size=12)


def regex_of(pattern: str) -> str:
    return "".join({"*": "(?s:.*)", "?": "(?s:.)"}.get(character, re.escape(character)) for character in pattern)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("lunc?*", "lunch plans", True),
        ("lunc?*", "lunch", True),
        ("lunc?*", " lunch", False),
        ("lunc?*", "lunc", False),
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("a*a", "a", False),
        ("[ab]", "a", False),
        ("a\\*", "a*", False),
        ("?", "\n", True),
    ],
)
def test_a_star_matches_any_characters_and_a_question_mark_exactly_one(pattern: str, text: str, matches: bool) -> None:
    assert Glob(pattern).matches(text) is matches


def test_a_question_mark_can_be_an_ordinary_character() -> None:
    assert Glob("a?*", question_mark=False).matches("a?c")
    assert not Glob("a?*", question_mark=False).matches("abc")


@given(PATTERNS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_matching_agrees_with_the_obvious_regular_expression(pattern: str, text: str) -> None:
    assert Glob(pattern).matches(text) == bool(re.fullmatch(regex_of(pattern), text))


@given(PATTERNS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_matching_words_agrees_with_trying_every_substring_between_word_boundaries(pattern: str, text: str) -> None:
    boundaries = [
        i
        for i in range(len(text) + 1)
        if i in (0, len(text)) or not all(re.match(r"[A-Za-z0-9_]", c) for c in text[i - 1 : i + 1])
    ]
    parts = (text[start:end] for start in boundaries for end in boundaries if start <= end)

    assert Glob(pattern).matches_words(text) == any(re.fullmatch(regex_of(pattern), part) for part in parts)


@pytest.mark.parametrize(
    ("pattern", "body", "matches"),
    [
        ("ex*ple", "an example event.", True),
        ("ex*ple", "exple", True),
        ("ex*ple", "an exciting triple-whammy", True),
        ("cake", "pancake", False),
        ("cake", "cakes", False),
        ("cake", "(cake)", True),
        ("cake", "pancake cake", True),
        ("@room", "hello@room!", True),
        ("c?ke", "coke_", False),
        ("c?ke", "coke", True),
        ("東京", "今日は東京です", True),
    ],
)
def test_a_pattern_is_found_in_a_message_at_word_boundaries(pattern: str, body: str, matches: bool) -> None:
    assert Glob(pattern).matches_words(body) is matches


def test_patterns_made_to_explode_are_answered() -> None:
    text = "a" * 20_000

    assert not Glob("*a" * 500 + "*b").matches(text)
    assert not Glob("*a?" * 100 + "*b").matches(text)
    assert not Glob("a*" * 500 + "b").matches_words(text)
    assert not Glob("?a" * 400 + "b").matches_words(text)
