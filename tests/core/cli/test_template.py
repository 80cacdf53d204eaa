"""The file that `hs init` writes explains settings that exist, and all of them."""

import re
from pathlib import Path

import msgspec

from hs_core.cli.init import template
from hs_core.config import Config, load

FOR_SEVERAL_PROCESSES = {"processes", "streams", "redis", "cluster"}


def uncommented(text: str) -> str:
    """With every setting that is commented out switched on."""
    return re.sub(r"^( *)# (?=[a-z_]+: |- \{)", r"\1", text, flags=re.MULTILINE)


def loaded(folder: Path, text: str) -> Config:
    (folder / "hs.yaml").write_text(text)
    return load(folder / "hs.yaml", {}, {})


def test_what_is_written_says_what_would_be_so_without_it(tmp_path: Path) -> None:
    written = loaded(tmp_path, template("example.org"))
    bare = loaded(tmp_path, "server_name: example.org")

    assert msgspec.structs.replace(written, listeners=bare.listeners) == bare


def test_every_setting_and_every_example_can_be_switched_on(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for secret in ("registration", "recaptcha", "oidc"):
        (tmp_path / "data" / f"{secret}.secret").write_text(secret)

    config = loaded(tmp_path, uncommented(template("example.org")))

    assert config.registration.shared_secret == "registration"
    assert config.email is not None
    assert config.email.from_ == "matrix@example.org"
    assert [listener.port for listener in config.listeners] == [8008, 8448]
    assert len(config.oidc) == 1


def test_every_section_is_explained() -> None:
    explained = set(re.findall(r"^([a-z_]+):", uncommented(template("example.org")), re.MULTILINE))

    assert {field.encode_name for field in msgspec.structs.fields(Config)} - FOR_SEVERAL_PROCESSES == explained
