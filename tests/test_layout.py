"""The law of the house: who may import what, that declarations stay light, and that every folder is a plugin.

`hs_core.matrix` <- `hs_core` <- `hs_plugins.X.api` <- `hs_plugins.Y`.
"""

import ast
import json
import pkgutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hs_core.plugin.checks import check_installed

ROOT = Path(__file__).parent.parent
PLUGINS = sorted(path.name for path in (ROOT / "hs_plugins").iterdir() if (path / "__init__.py").exists())
PROTOCOL_LIBRARIES = {"hs_core.matrix", "msgspec", "orjson", "nacl"}
CLOCKS = {"time", "random", "secrets"}
FOR_ONE_TASK = {"PIL", "lxml", "aiosmtplib", "jinja2", "joserfc", "signxml", "obstore"}
FOR_ONE_PROCESS = {"psycopg", "redis", "uvicorn", "uvloop"}
HEAVY = FOR_ONE_TASK | FOR_ONE_PROCESS
NAMELESS = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base", "shared"}


@dataclass(frozen=True)
class Module:
    """A source file and what it imports, wherever in the file."""

    name: str
    path: Path
    imports: frozenset[str]
    """Full names: of `from a import b` both `a` and `a.b`, as `b` may be a module."""


def modules(package: str) -> Iterator[Module]:
    """The modules of `package`."""
    for path in sorted((ROOT / package.replace(".", "/")).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        is_package = parts[-1] == "__init__"
        yield Module(name, path, frozenset(imports(ast.parse(path.read_text()), name if is_package else f"{name}.x")))


def imports(tree: ast.AST, inside: str) -> Iterator[str]:
    """What a module imports; `inside` is a name in the package from which its relative imports begin."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = inside.split(".")[: -node.level] if node.level else []
            origin = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def breaches(package: str, allowed: Callable[[str, str], bool]) -> list[str]:
    """`MODULE imports NAME` for each import that is not `allowed(module, name)`."""
    return [
        f"{module.name} imports {name}"
        for module in modules(package)
        for name in sorted(module.imports)
        if not allowed(module.name, name)
    ]


def within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def test_the_protocol_library_needs_nothing_of_the_server() -> None:
    def allowed(_module: str, name: str) -> bool:
        return within(name, *PROTOCOL_LIBRARIES) or name.split(".", maxsplit=1)[0] in sys.stdlib_module_names

    assert [breach for breach in breaches("hs_core.matrix", allowed) if not breach.endswith(" hs_core")] == []


def test_the_core_imports_no_plugin() -> None:
    assert breaches("hs_core", lambda _, name: not within(name, "hs_plugins")) == []


def test_only_tests_import_what_is_for_tests() -> None:
    def allowed(module: str, name: str) -> bool:
        return within(module, "hs_core.testing") or not within(name, "hs_core.testing", "tests")

    assert breaches("hs_core", allowed) + breaches("hs_plugins", allowed) == []


def test_plugins_meet_at_the_door() -> None:
    doors = [f"hs_plugins.{plugin}.api" for plugin in PLUGINS]

    def allowed(module: str, name: str) -> bool:
        own = ".".join(module.split(".")[:2])
        leads_to_a_door = name == "hs_plugins" or any(door.startswith(f"{name}.") for door in doors)
        return not within(name, "hs_plugins") or within(name, own, *doors) or leads_to_a_door

    assert breaches("hs_plugins", allowed) == []


def test_time_and_chance_are_handed_in() -> None:
    def allowed(module: str, name: str) -> bool:
        return within(module, "hs_core.clock", "hs_core.testing") or not within(name, *CLOCKS)

    assert breaches("hs_core", allowed) + breaches("hs_plugins", allowed) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a.b", {"a.b"}),
        ("def f():\n    from a import b", {"a", "a.b"}),
        ("from . import near", {"pack", "pack.near"}),
        ("from ..other.api import X", {"other.api", "other.api.X"}),
    ],
)
def test_imports_are_found_wherever_and_however_they_are_written(source: str, found: set[str]) -> None:
    assert set(imports(ast.parse(source), "pack.module")) == found


def declared() -> dict[str, str]:
    """The entry points of the plugins that are developed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    points: dict[str, str] = project["entry-points"]["hs.plugins"]
    return points


def test_every_folder_is_a_plugin_with_an_entry_point_of_its_name() -> None:
    assert declared() == {name: f"hs_plugins.{name}.plugin:plugin" for name in PLUGINS}


def test_every_plugin_loads_under_its_name_and_all_of_them_fit_together() -> None:
    plugins = {name: pkgutil.resolve_name(value) for name, value in declared().items()}

    assert {name: plugin.name for name, plugin in plugins.items()} == {name: name for name in PLUGINS}
    assert check_installed(list(plugins.values())) == []


def test_declarations_stay_light() -> None:
    script = f"""
import json, sys
from importlib import import_module
loaded = {{}}
for plugin in {PLUGINS!r}:
    import_module(f"hs_plugins.{{plugin}}.plugin")
    loaded[plugin] = sorted({HEAVY!r} & set(sys.modules))
print(json.dumps(loaded))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert {plugin: heavy for plugin, heavy in json.loads(done.stdout).items() if heavy} == {}


def test_a_process_that_is_alone_needs_nothing_that_speaks_with_others() -> None:
    script = """
import sys
import hs_core.server
from hs_core.plugin.discovery import discover
discover()
print(*sorted({"aiohttp", "psycopg", "redis"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_every_module_has_a_name_and_a_home() -> None:
    nameless = [
        module.name
        for package in ("hs_core", "hs_plugins")
        for module in modules(package)
        if NAMELESS & set(module.name.split("."))
    ]

    assert [name for name in nameless if not within(name, "hs_core.testing")] == []


def test_every_module_says_what_it_is_for() -> None:
    sources = {
        module.name: ast.parse(module.path.read_text())
        for package in ("hs_core", "hs_plugins")
        for module in modules(package)
    }

    assert [name for name, source in sources.items() if source.body and not ast.get_docstring(source)] == []
