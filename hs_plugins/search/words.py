"""Words: of texts, of what is searched for, and how well the one matches the other. Pure.

Both engines are given words that are folded and cut here, so that they agree about what a word is, and no character
that means something in their query languages ever reaches them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from hs_core.folding import WITHOUT_SPACES, fold

MAX_WORD: Final = 64
"""Characters; what follows does not count."""
MAX_WORDS: Final = 4_000
"""Of one text."""
MAX_TEXT: Final = 60_000
"""Characters of a text that are looked at, once it is folded: some grow by that, and a `tsvector` has a megabyte."""
MAX_PHRASES: Final = 12
MAX_SEARCHED: Final = 32
"""Words of one search."""
MAX_HIGHLIGHTS: Final = 50

Phrase = tuple[str, ...]
"""Words that follow one another."""

_MARKS: Final = "".join(
    chr(number)
    for number in (*range(0x300, 0x1E00), *range(0xA660, 0xAC00))
    if unicodedata.category(chr(number))[0] == "M"
)
_ALONE: Final = "".join(f"{first}-{last}" for first, last in WITHOUT_SPACES)
_ASCII: Final = re.compile("[a-z0-9]+")
_WORD: Final = re.compile(rf"[{_ALONE}]|(?:(?![{_ALONE}])[^\W_][{_MARKS}]*)+")
_ORIGINAL: Final = re.compile(r"[^\W_]+")
_PART: Final = re.compile(r'"([^"]*)"|(\S+)')

_SATURATION: Final = 1.2
_LENGTH_MATTERS: Final = 0.5
_USUAL_LENGTH: Final = 20
"""As in the ranking function BM25, but for the rarity of words: all results have all of them."""


def words_of(text: str) -> list[str]:
    """The words of a text. In scripts without spaces each character is one."""
    folded = fold(text)[:MAX_TEXT]
    found = (_ASCII if folded.isascii() else _WORD).findall(folded)
    return [word[:MAX_WORD] for word in found[:MAX_WORDS]]


def phrases_of(search: str) -> list[Phrase]:
    """What is searched for: all of these. `foo-bar` is a phrase, and so is what stands in double quotes."""
    phrases: dict[Phrase, None] = {}
    left = MAX_SEARCHED
    for match in _PART.finditer(search):
        phrase = tuple(words_of(match[1] or match[2] or "")[:left])
        if phrase and len(phrases) < MAX_PHRASES and phrase not in phrases:
            phrases[phrase] = None
            left -= len(phrase)
    return list(phrases)


def occurrences(phrase: Phrase, words: Sequence[str]) -> int:
    """How often a phrase is among words."""
    if len(phrase) == 1:
        return words.count(phrase[0])
    length = len(phrase)
    return sum(tuple(words[start : start + length]) == phrase for start, word in enumerate(words) if word == phrase[0])


def rank(phrases: Iterable[Phrase], words: Sequence[str]) -> float | None:
    """How well words match; `None` if a phrase is not among them. "The higher the `rank` the more relevant"."""
    total = 0.0
    length = 1 - _LENGTH_MATTERS + _LENGTH_MATTERS * len(words) / _USUAL_LENGTH
    for phrase in phrases:
        times = occurrences(phrase, words)
        if not times:
            return None
        total += times * (_SATURATION + 1) / (times + _SATURATION * length)
    return total


def highlights(phrases: Iterable[Phrase], texts: Iterable[str]) -> list[str]:
    """ "List of words which should be highlighted": those of the search, and as they are written in texts."""
    wanted = {word for phrase in phrases for word in phrase}
    found = dict.fromkeys(sorted(wanted))
    for text in texts:
        for word in _ORIGINAL.findall(text):
            if word.lower() not in found and fold(word)[:MAX_WORD] in wanted:
                found[word.lower()] = None
    return list(found)[:MAX_HIGHLIGHTS]
