"""The signing key on disk."""

import os
from pathlib import Path

import pytest

from hs_core.keyfile import KeyFileError, read_or_create
from hs_core.testing.clock import TestClock


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "data" / "signing.key"

    first, again = read_or_create(file, TestClock()), read_or_create(file, TestClock())

    assert first.key_id.startswith("ed25519:a_")
    assert first.to_text() == again.to_text()
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "ed25519 a_1", "rsa a_1 AAAA", "ed25519 a_1 AAAA", "ümlaut"])
def test_a_file_without_a_key_is_named_and_kept(tmp_path: Path, content: str) -> None:
    file = tmp_path / "signing.key"
    file.write_text(content)

    with pytest.raises(KeyFileError, match=r"signing\.key"):
        read_or_create(file, TestClock())
    assert file.read_text() == content


def test_a_first_start_that_is_cut_short_leaves_no_half_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "signing.key"

    def full(_descriptor: int) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(KeyFileError, match="No space left"):
            read_or_create(file, TestClock())

    assert list(tmp_path.iterdir()) == []
    made = read_or_create(file, TestClock())
    assert read_or_create(file, TestClock()).to_text() == made.to_text()
    assert list(tmp_path.iterdir()) == [file]
