"""Fresh environments in which a package is installed with pip, and that find all else where the tests run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "hs-guestbook"


class Environment:
    """A virtual environment, and `hs` in it."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"

    @property
    def command(self) -> list[str]:
        """What `hs` is here."""
        return [str(self.python), "-m", "hs_core"]

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        command = [str(self.python), *arguments]
        return subprocess.run(command, cwd=cwd, env=clean(), capture_output=True, text=True, timeout=120, check=False)

    def hs(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "hs_core", *arguments, cwd=cwd)


def clean() -> dict[str, str]:
    """The environment variables, without those of the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HS_", "PYTEST_", "PYTHON"))}
    return kept | {"PYTHONUNBUFFERED": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INDEX": "1"}


def copy_example(folder: Path) -> Path:
    """A copy of the example of a plugin, which pip may litter and a test may change."""
    source = folder / "hs-guestbook"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return source


def install(source: Path, folder: Path) -> Environment:
    """A new environment in `folder`, with the package of `source`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=120)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "ours.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    environment = Environment(folder)
    # Without the index and without isolation, so that it works where there is no network.
    pip = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", str(source))
    done = environment.run(*pip, cwd=source.parent)
    assert done.returncode == 0, done.stderr
    return environment
