"""Glob-style matching (appendices, "Glob-style matching"), in time that no pattern can make explode.

A pattern is cut at its `*` into pieces of fixed length, which are looked for from left to right. Taking the leftmost
place for each piece is always right, so nothing is ever tried twice; no pattern becomes a regular expression.

Matching is case-sensitive. Where the specification wants it otherwise, fold both the pattern and the text first; how
to fold is for the caller to say.
"""

from collections.abc import Iterator
from typing import Final

_WORD_CHARACTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


class _Literal:
    """A piece without `?`."""

    __slots__ = ("length", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.length = len(text)

    def is_at(self, text: str, position: int) -> bool:
        return text.startswith(self.text, position)

    def places(self, text: str, start: int) -> Iterator[int]:
        """Where the piece occurs, from `start` on, in order."""
        place = text.find(self.text, start)
        while place >= 0:
            yield place
            place = text.find(self.text, place + 1)


class _Masked:
    """A piece with `?`, looked for with one bit for each of its characters (the shift-and algorithm)."""

    __slots__ = ("_any", "_last", "_masks", "length")

    def __init__(self, piece: str) -> None:
        self.length = len(piece)
        self._last = 1 << (len(piece) - 1)
        self._any = sum(1 << i for i, character in enumerate(piece) if character == "?")
        masks: dict[str, int] = {}
        for i, character in enumerate(piece):
            if character != "?":
                masks[character] = masks.get(character, self._any) | 1 << i
        self._masks = masks

    def is_at(self, text: str, position: int) -> bool:
        window = text[position : position + self.length]
        return len(window) == self.length and next(self.places(window, 0), None) == 0

    def places(self, text: str, start: int) -> Iterator[int]:
        """Where the piece occurs, from `start` on, in order."""
        matched = 0
        masks, wild, last = self._masks, self._any, self._last
        for end in range(start, len(text)):
            matched = (matched << 1 | 1) & masks.get(text[end], wild)
            if matched & last:
                yield end - self.length + 1


class Glob:
    """A compiled pattern.

    `*` matches zero or more characters; `?` matches exactly one, unless `question_mark` is false: some parts of the
    specification know only `*`.
    """

    __slots__ = ("_essential", "_first", "_last", "_middle", "least_length", "literal")

    literal: str | None
    """The only text that the pattern matches, if it has no wildcards."""
    least_length: int
    """No shorter text matches."""

    def __init__(self, pattern: str, *, question_mark: bool = True) -> None:
        # A run of `*` means the same as one; the pieces between them would be empty.
        texts = pattern.split("*")
        pieces = [_Masked(text) if question_mark and "?" in text else _Literal(text) for text in texts]
        # The longest text that must be found for the rest to be worth a look; most patterns do not get past it.
        runs = pattern.replace("?", "*").split("*") if question_mark else texts
        self._essential = max(runs, key=len)
        self.least_length = sum(piece.length for piece in pieces)
        self.literal = texts[0] if len(pieces) == 1 and isinstance(pieces[0], _Literal) else None
        self._first = pieces[0]
        self._middle = [piece for piece in pieces[1:-1] if piece.length]
        self._last = pieces[-1] if len(pieces) > 1 else None

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the whole of `text`."""
        if self.literal is not None:
            return text == self.literal
        if not self._first.is_at(text, 0) or self._essential not in text or len(text) < self.least_length:
            return False
        if self._last is None:
            return len(text) == self._first.length
        end = len(text) - self._last.length
        position = self._after_middle(text, self._first.length)
        return position is not None and position <= end and self._last.is_at(text, end)

    def matches_words(self, text: str) -> bool:
        """Whether the pattern matches any part of `text` that starts and ends at a word boundary.

        Client-server API, "Push Rules": "A word boundary is defined as the start or end of the value, or any character
        not in the sets `[A-Z]`, `[a-z]`, `[0-9]` or `_`." A place is at such a character on either side of it, so that
        patterns which themselves begin or end with one (`@room`, `:)`) are found wherever they stand.
        """
        if self._essential not in text or len(text) < self.least_length:
            return False
        starts = (place for place in self._first.places(text, 0) if _is_word_boundary(text, place))
        if self._last is None:
            return any(_is_word_boundary(text, place + self._first.length) for place in starts)
        start = next(starts, None)
        position = None if start is None else self._after_middle(text, start + self._first.length)
        if position is None:
            return False
        if not self._last.length:
            return True
        return any(_is_word_boundary(text, place + self._last.length) for place in self._last.places(text, position))

    def _after_middle(self, text: str, position: int) -> int | None:
        """Where the text goes on after the leftmost places of the pieces between two `*`."""
        for piece in self._middle:
            place = next(piece.places(text, position), None)
            if place is None:
                return None
            position = place + piece.length
        return position


def contains_words(text: str, words: str) -> bool:
    """Whether `words`, which has no wildcards, is a part of `text` that starts and ends at a word boundary."""
    return any(
        _is_word_boundary(text, place) and _is_word_boundary(text, place + len(words))
        for place in _Literal(words).places(text, 0)
    )


def _is_word_boundary(text: str, place: int) -> bool:
    if place in (0, len(text)):
        return True
    return text[place - 1] not in _WORD_CHARACTERS or text[place] not in _WORD_CHARACTERS
