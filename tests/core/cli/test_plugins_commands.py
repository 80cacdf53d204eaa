"""Commands that plugins bring."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hs_core.cli import main
from hs_core.cli.command import _brought

GREET = """
from hs_core.cli import Command, Failure

def arguments(parser):
    parser.add_argument("name")

def run(parsed):
    if parsed.name == "nobody":
        raise Failure(["there is nobody to greet", "name somebody"])
    print("hello", parsed.name)
    return 0

greet = Command("say hello", arguments, run)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Install a package with the command `greet`: its module's name and source."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(module: str, source: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        metadata = tmp_path / f"{module}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text(f"[hs.commands]\ngreet = {module}:greet\n")

    before = set(sys.modules)
    _brought.cache_clear()
    yield install
    _brought.cache_clear()
    for module in set(sys.modules) - before:
        if module.startswith("acme_"):
            del sys.modules[module]


def test_a_plugins_command_is_listed_and_runs(
    install: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    install("acme_greeter", GREET)

    assert main(["--help"]) == 0
    assert "  greet         say hello\n" in capsys.readouterr().out
    assert main(["greet", "Alice"]) == 0
    assert capsys.readouterr().out == "hello Alice\n"


def test_a_command_that_fails_says_so_in_one_line_first(
    install: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    install("acme_failing", GREET)

    assert main(["greet", "nobody"]) == 1
    assert capsys.readouterr().err == "hs: there is nobody to greet\n    name somebody\n"


def test_a_broken_command_is_named_and_spoils_no_other(
    install: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    install("acme_broken", "raise ValueError('too old')")

    assert main(["greet", "Alice"]) == 1
    assert capsys.readouterr().err == "hs: the command 'greet' of the package acme_broken does not load: too old\n"
    assert main(["--help"]) == 0
    assert "does not load: too old" in capsys.readouterr().out


def test_no_command_at_all_is_bad_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().out.startswith("usage: hs COMMAND")
