"""A configuration file written by each test."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hs_core.config import Config, ConfigError, Section, load

Load = Callable[..., Config]
Complain = Callable[..., list[str]]


class BridgeSection(Section, frozen=True, kw_only=True):
    """A plugin's section in these tests."""

    rooms: int = 10


SECTIONS = {"rooms": Section, "sync": Section, "bridge": BridgeSection}


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Load this text as `hs.yaml`; `server_name` is added if the text has none."""

    def load_text(text: str = "", environ: Mapping[str, str] | None = None) -> Config:
        file = tmp_path / "hs.yaml"
        file.write_text(text if "server_name" in text else f"{text}\nserver_name: example.org\n")
        return load(file, SECTIONS, environ or {})

    return load_text


@pytest.fixture
def problems(load_text: Load, tmp_path: Path) -> Complain:
    """What is wrong with this text: `LINE: message; remedy`, in order."""

    def problems(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_text(text, environ)
        return [str(problem).removeprefix(f"{tmp_path / 'hs.yaml'}:") for problem in caught.value.problems]

    return problems
