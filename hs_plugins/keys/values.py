"""Keys as values: what calls are given. Part of the door, `api.py`."""

from __future__ import annotations

import msgspec


class UploadedKey(msgspec.Struct, frozen=True):
    """A one-time key or a fallback key."""

    algorithm: str
    key_id: str
    key: bytes
    """JSON: the key itself, or an object with its signatures."""


class Signature(msgspec.Struct, frozen=True):
    """One that came later than what it is for."""

    target: str
    """A device ID, or the public key of a cross-signing key."""
    key_id: str
    """With the algorithm."""
    signature: str
