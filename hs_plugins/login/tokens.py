"""What access, refresh and login tokens look like: `hst_<unpadded base64url of the localpart>_<random>_<crc>`.

The localpart lets a proxy send all requests of a user the same way, and tells us who is to be asked before the database
is; the checksum tells a mistyped token from a revoked one, and lets secret scanners recognise ours.
"""

from __future__ import annotations

import re
import zlib
from enum import Enum
from typing import Final

from hs_core.clock import Clock
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import ServerName, UserId, localpart_of
from hs_core.matrix.unpadded_base64 import decode_base64_urlsafe, encode_base64_urlsafe

RANDOM_LENGTH: Final = 32
"""Letters and digits: 190 bits."""

_TOKEN = re.compile(r"(?P<kind>hs[trl])_(?P<localpart>[A-Za-z0-9_-]{0,340})_[A-Za-z0-9]{32}_(?P<crc>[0-9a-f]{8})")


class Kind(Enum):
    """What a token is good for; its value is how the token begins."""

    ACCESS = "hst"
    REFRESH = "hsr"
    LOGIN = "hsl"


def new_token(kind: Kind, user: UserId, clock: Clock) -> str:
    """A token that nobody can guess."""
    localpart = encode_base64_urlsafe(localpart_of(user).encode())
    text = f"{kind.value}_{localpart}_{clock.random_text(RANDOM_LENGTH)}"
    return f"{text}_{_checksum(text)}"


def owner_of(kind: Kind, token: str, server_name: ServerName) -> UserId | None:
    """The user for whom a token of this kind was made, if it is one of ours; whether it is good is another question."""
    match = _TOKEN.fullmatch(token)
    if match is None or match["kind"] != kind.value or match["crc"] != _checksum(token[:-9]):
        return None
    try:
        return UserId(f"@{decode_base64_urlsafe(match['localpart']).decode()}:{server_name}")
    except (ProtocolError, UnicodeDecodeError):
        return None


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
