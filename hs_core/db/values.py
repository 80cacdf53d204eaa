"""What both engines refuse in a parameter, so that SQLite is no more lenient than PostgreSQL."""

from typing import TypeVar

T = TypeVar("T")

_LEAST, _MOST = -(2**63), 2**63 - 1


class BadParameter(ValueError):
    """A value that no column can hold: text with NUL in it, or an integer of more than 64 bits.

    Strip NUL from names, topics and search text that strangers send; an event's own bytes go into a BYTEA.
    """


def checked(value: T) -> T:
    """The value, if both engines can store it. Raises BadParameter."""
    if isinstance(value, str):
        if "\0" in value:
            raise BadParameter("text with NUL in it cannot be stored")
    elif isinstance(value, int) and not _LEAST <= value <= _MOST:
        raise BadParameter(f"{value} is not a 64-bit integer")
    return value
