"""The server's signing key on disk: one line, readable by the server only, made once and never written over."""

import os
from pathlib import Path

from hs_core.clock import Clock
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.signing import SigningKey


class BadKeyFile(Exception):
    """The file is there, but a signing key is not in it. The message names the file and a remedy."""


def create_signing_key(path: Path, clock: Clock) -> SigningKey:
    """A new key in a new file. Raises FileExistsError, or another OSError if it cannot be written."""
    key = SigningKey(f"a_{clock.random_text(4)}", os.urandom(32))
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{key.to_text()}\n")
        file.flush()
        os.fsync(file.fileno())
    return key


def read_signing_key(path: Path) -> SigningKey:
    """Raises BadKeyFile, FileNotFoundError, or another OSError."""
    try:
        return SigningKey.from_text(path.read_text(encoding="ascii"))
    except (ProtocolError, UnicodeDecodeError):
        raise BadKeyFile(
            f"{path}: not a signing key; write one line `ed25519 VERSION BASE64`, or move the file away for a new key"
        ) from None


def open_signing_key(path: Path, clock: Clock) -> SigningKey:
    """The key in the file, made if there is none. Two that start at once have the same key.

    Raises BadKeyFile, OSError.
    """
    try:
        return read_signing_key(path)
    except FileNotFoundError:
        try:
            return create_signing_key(path, clock)
        except FileExistsError:
            return read_signing_key(path)
