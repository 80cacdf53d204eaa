"""Unpadded Base64 (specification, appendices, "Unpadded Base64").

Decoding accepts input "with or without padding characters" and refuses everything else that is not of the alphabet.
Unused bits of the last character may be set, as in the specification's own signing key ("Cryptographic Test Vectors").
"""

import binascii

from hs_core.matrix.errors import ProtocolError

_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_FROM_URL_SAFE = bytes.maketrans(b"-_+/", b"+/!!")  # the standard alphabet's own characters become garbage


def encode_base64(data: bytes) -> str:
    """In the standard alphabet."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").decode()


def encode_base64_urlsafe(data: bytes) -> str:
    """In the URL-safe alphabet, which has `-` and `_` for `+` and `/`."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL_SAFE).decode()


def decode_base64(text: str) -> bytes:
    """The bytes that `text` stands for in the standard alphabet.

    Raises:
        ProtocolError: `M_INVALID_PARAM`, if it is anything else.
    """
    try:
        return _decode(text.encode("ascii"))
    except ValueError:
        raise ProtocolError("not base64", "M_INVALID_PARAM") from None


def decode_base64_urlsafe(text: str) -> bytes:
    """The bytes that `text` stands for in the URL-safe alphabet.

    Raises:
        ProtocolError: `M_INVALID_PARAM`, if it is anything else.
    """
    try:
        return _decode(text.encode("ascii").translate(_FROM_URL_SAFE))
    except ValueError:
        raise ProtocolError("not URL-safe base64", "M_INVALID_PARAM") from None


def _decode(text: bytes) -> bytes:
    if not text.endswith(b"="):
        text += b"=" * (-len(text) % 4)
    return binascii.a2b_base64(text, strict_mode=True)
