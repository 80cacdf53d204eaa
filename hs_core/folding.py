"""Text as searches compare it: without case, accents, and variants of width or form. Pure."""

import unicodedata
from typing import Final

WITHOUT_SPACES: Final = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u3040", "\u9fff"),  # kana, Chinese
    ("\uac00", "\ud7a3"),  # Hangul
    ("\U00020000", "\U0003ffff"),  # more Chinese
)
"""Characters, from one to another, of scripts that are often written without spaces: a word may begin with any."""

# Letters of their own that people type without the stroke, the dot or the ligature.
_LETTERS: Final = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ς": "σ"}
)


def fold(text: str) -> str:
    """The text without what people do not mind when they search. To fold it again changes nothing."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return unicodedata.normalize("NFC", plain.translate(_LETTERS).casefold())


def has_no_spaces(character: str) -> bool:
    """Whether it is of a script that is often written without spaces."""
    return any(first <= character <= last for first, last in WITHOUT_SPACES)
