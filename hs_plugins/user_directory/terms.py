"""What users are found by: folded words, so that neither case nor accents matter. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final

from hs_core.folding import fold, has_no_spaces
from hs_core.matrix.identifiers import UserId

MAX_TERM: Final = 64
"""Characters of a term; what follows does not count."""
MAX_TERMS: Final = 48
"""Of one user."""
MAX_WORDS: Final = 8
"""Of one search; the longest count."""
MAX_UMLAUTS: Final = 3
"""Of one search, that may be written in two ways."""
MAX_TEXT: Final = 512
"""Characters of a name, or of a search, that are looked at."""

_UMLAUTS: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}
_OTHERWISE: Final = _UMLAUTS | {digraph: fold(letter) for letter, digraph in _UMLAUTS.items()}
_UMLAUT: Final = re.compile("|".join(_OTHERWISE))
_WITH_UMLAUTS: Final = frozenset({"de", "da", "nb", "nn", "no", "sv", "fi", "et", "is"})
"""Languages in which `Müller` is written `Mueller` where there are no umlauts."""


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
    lower = unicodedata.normalize("NFC", search)[:MAX_TEXT].casefold()
    found = {tuple(words_of(search)): search}
    for chosen in product((False, True), repeat=min(len(_UMLAUT.findall(lower)), MAX_UMLAUTS)):
        spelling = _respelled(lower, chosen)
        found.setdefault(tuple(words_of(spelling)), spelling)
    return list(found.values())


def _respelled(text: str, chosen: Iterable[bool]) -> str:
    """The text with those written otherwise that are chosen of its umlauts, and of what stands for them."""
    choices = iter(chosen)
    return _UMLAUT.sub(lambda found: _OTHERWISE[found[0]] if next(choices, False) else found[0], text)


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
            if character.isalnum() and (not before.isalnum() or has_no_spaces(character)):
                yield word[index : index + MAX_TERM]
