"""Finding what is installed: packages laid out on disk as pip would, entry points and all."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hs_core.plugin.discovery import Discovery, PluginError, discover

Install = Callable[[str, str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package: the distribution's name, the entry point's name and the module's source."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def install(distribution: str, name: str, source: str) -> None:
        module = distribution.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        metadata = tmp_path / f"{module}-1.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (metadata / "entry_points.txt").write_text(f"[hs.plugins]\n{name} = {module}:plugin\n")

    yield install
    for module in {each for each in set(sys.modules) - before if each.startswith("acme_")}:
        del sys.modules[module]


def declared(name: str, requires: str = "") -> str:
    return f"from hs_core.plugin import Plugin\nplugin = Plugin({name!r}, requires={requires.split()!r})\n"


def causes(discovery: Discovery) -> dict[str, str]:
    return {each.name: str(each) for each in discovery.broken}


def test_a_plugin_is_known_with_its_package_and_version(install: Install) -> None:
    install("acme-greeter", "greeter", declared("greeter"))

    found = discover().installed["greeter"]

    assert (found.plugin.name, found.package, found.version) == ("greeter", "acme-greeter", "1.2")


def test_a_plugin_comes_after_those_that_it_requires(install: Install) -> None:
    install("acme-a", "a", declared("a", "z"))
    install("acme-m", "m", declared("m", "a z"))
    install("acme-z", "z", declared("z"))

    assert [name for name in discover().installed if name in {"a", "m", "z"}] == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ValueError('first line\\nsecond line')", "ValueError: first line"),
        ("plugin = 7", "acme_broken:plugin is not a Plugin"),
        (declared("else"), "it calls itself 'else'"),
        ("", "AttributeError"),
    ],
)
def test_a_broken_plugin_is_named_in_one_line(install: Install, source: str, cause: str) -> None:
    install("acme-broken", "broken", source)

    line = causes(discover())["broken"]

    assert line.startswith(f"the plugin 'broken' of the package acme-broken does not load: {cause}")
    assert "\n" not in line


def test_a_name_belongs_to_one_package(install: Install) -> None:
    install("acme-one", "greeter", declared("greeter"))
    install("acme-two", "greeter", declared("greeter"))

    discovery = discover()

    assert "greeter" in discovery.installed
    assert "has one of that name already" in causes(discovery)["greeter"]


def test_a_broken_plugin_matters_only_where_it_is_active(install: Install) -> None:
    install("acme-broken", "broken", "raise ValueError('old')")
    install("acme-good", "good", declared("good"))
    discovery = discover()

    assert discovery.select(["good"]) == ["good"]
    assert "good" in discovery.select(["*"], excepted=["broken"])
    with pytest.raises(PluginError, match=r"'broken' of the package acme-broken .*: old"):
        discovery.select(["*"])
    with pytest.raises(PluginError, match="the plugin 'god' is not installed"):
        discovery.select(["god"])
