"""The server's signing key on disk: one line, `ed25519 VERSION SEED`, readable by the server alone."""

import os
import tempfile
from pathlib import Path

from hs_core.clock import Clock
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.signing import KEY_LENGTH, SigningKey


class KeyFileError(Exception):
    """The file cannot be used; the message says why."""


def read_or_create(path: Path, clock: Clock) -> SigningKey:
    """The key in the file; at the first start, a new one that is written there.

    Raises:
        KeyFileError: if the file cannot be read or written, or holds something else.
    """
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return _create(path, clock)
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"cannot read the signing key {path}: {error}") from error
    try:
        return SigningKey.from_text(text.strip())
    except ProtocolError as error:
        raise KeyFileError(f"{path} holds no signing key: {error}") from error


def _create(path: Path, clock: Clock) -> SigningKey:
    key = SigningKey(f"a_{clock.random_text(4)}", os.urandom(KEY_LENGTH))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, key.to_text() + "\n")
    except FileExistsError:
        return read_or_create(path, clock)
    except OSError as error:
        raise KeyFileError(f"cannot write the signing key {path}: {error}") from error
    return key


def _write_whole(path: Path, text: str) -> None:
    """Make a file that is there with all of `text`, or not at all, whenever the process or the machine ends.

    Raises FileExistsError if there is one already.
    """
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # readable by its owner alone
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        os.unlink(draft)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
