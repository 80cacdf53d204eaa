"""What users are found by: folded words, so that neither case nor accents matter. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from hs_core.matrix.identifiers import UserId

MAX_TERM: Final = 64
"""Characters of a term; what follows does not count."""
MAX_TERMS: Final = 48
"""Of one user."""
MAX_WORDS: Final = 8
"""Of one search; the longest count."""
MAX_TEXT: Final = 512
"""Characters of a name, or of a search, that are looked at."""

# Letters of their own that people type without the stroke, the dot or the ligature.
_LETTERS: Final = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ς": "σ"}
)
_WITHOUT_SPACES: Final = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u3040", "\u9fff"),  # kana, Chinese
    ("\uac00", "\ud7a3"),  # Hangul
    ("\U00020000", "\U0003ffff"),  # more Chinese
)
_UMLAUTS: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}
_WITH_UMLAUTS: Final = frozenset({"de", "da", "nb", "nn", "no", "sv", "fi", "et", "is"})
"""Languages in which `Müller` is written `Mueller` where there are no umlauts."""


def fold(text: str) -> str:
    """The text without case, accents, and variants of width or form."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFC", plain.translate(_LETTERS).casefold())


def terms_of(user_id: UserId, display_name: str | None) -> set[str]:
    """What a user is found by: a search finds who has a term that begins with what was typed."""
    localpart, _, server_name = user_id[1:].partition(":")
    words = [fold(localpart), fold(server_name), *_words(display_name or "")]
    return set(list(dict.fromkeys(_beginnings(words)))[:MAX_TERMS])


def words_of(search: str) -> list[str]:
    """What was typed, as beginnings of terms, the longest first: who is found has a term for each."""
    words = {word[:MAX_TERM] for word in _words(search)}
    return sorted(words, key=lambda word: (-len(word), word))[:MAX_WORDS]


def spellings(search: str, languages: Iterable[str]) -> list[str]:
    """The search as it was typed, and as others who speak one of the languages may have written it."""
    if _WITH_UMLAUTS.isdisjoint(languages):
        return [search]
    lower = unicodedata.normalize("NFC", search).casefold()
    longer, shorter = lower, lower
    for letter, digraph in _UMLAUTS.items():
        longer = longer.replace(letter, digraph)
        shorter = shorter.replace(digraph, fold(letter))
    return list({tuple(words_of(each)): each for each in (search, longer, shorter)}.values())


def languages_of(header: str | None) -> set[str]:
    """The languages that an `Accept-Language` header names, without regions and preferences."""
    ranges = (header or "")[:MAX_TEXT].split(",")
    return {each.partition(";")[0].partition("-")[0].strip().lower() for each in ranges} - {"", "*"}


def _words(text: str) -> list[str]:
    """The words of a text, folded; what looks like a user ID is two."""
    found = []
    for word in text.replace("\0", "")[:MAX_TEXT].split():
        parts = word.lstrip("@").split(":", 1) if word.startswith("@") else [word]
        found += [fold(part) for part in parts]
    return [word for word in found if word]


def _beginnings(words: Sequence[str]) -> Iterator[str]:
    """Each word from its beginning; then from each further place where a part of it begins."""
    yield from (word[:MAX_TERM] for word in words)
    for word in words:
        for before, (index, character) in zip(word, enumerate(word[1:], 1), strict=False):
            if character.isalnum() and (not before.isalnum() or _has_no_spaces(character)):
                yield word[index : index + MAX_TERM]


def _has_no_spaces(character: str) -> bool:
    """Whether it is of a script that is often written without spaces, so that a name may begin with any character."""
    return any(first <= character <= last for first, last in _WITHOUT_SPACES)
