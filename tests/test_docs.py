"""The documentation is true: what is generated is current, links lead somewhere, examples are what the code says."""

import ast
import importlib
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generate.pages import own_plugins, pages
from docs.generate.settings import settings
from hs_core.cli.command import BUILT_IN, find, parser
from hs_core.config import Config, load
from hs_core.plugin import Plugin
from hs_core.plugin.checks import check_installed
from hs_core.plugin.hookspecs import HOOKS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
EXAMPLE = DOCS / "examples" / "hs-guestbook"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), ROOT / "benchmarks" / "README.md"])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_STOP = re.compile(r"^\[`(?P<shown>[\w/.]+)`\]\(\.\./(?P<file>[\w/.]+)\): `(?P<name>[\w.]+)`$", re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return _FENCE.sub("", page.read_text())


def headings(page: Path) -> list[str]:
    return _HEADING.findall(prose(page))


def blocks(language: str, *pages: Path) -> Iterator[tuple[str, str]]:
    """The blocks of code in a language, each with where it is."""
    for page in pages or PAGES:
        text = page.read_text()
        for match in _FENCE.finditer(text):
            if match[1] == language:
                line = text.count("\n", 0, match.start()) + 1
                yield f"{page.relative_to(ROOT)}:{line}", match[2]


def test_what_is_generated_is_current() -> None:
    stale = [str(path.relative_to(ROOT)) for path, text in pages().items() if _text_of(path) != text]

    assert stale == [], "run `make docs`"


def _text_of(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def test_every_hook_stream_setting_and_command_has_its_heading() -> None:
    plugins = own_plugins()
    needed = {
        "hooks.md": {hook.function.__name__ for hook in HOOKS},
        "streams.md": {stream.name for plugin in plugins for stream in plugin.writes},
        "settings.md": {name for name, _, _ in settings(Config)} - {"plugins"},
        "commands.md": {f"hs {name}" for name in BUILT_IN},
        "routes.md": {plugin.name for plugin in plugins if plugin.routes},
    }

    missing = {page: names - set(headings(DOCS / "reference" / page)) for page, names in needed.items()}
    assert {page: names for page, names in missing.items() if names} == {}


def test_every_plugin_has_its_page() -> None:
    assert {plugin.name for plugin in own_plugins()} <= {page.stem for page in (DOCS / "plugins").glob("*.md")}


def test_every_relative_link_leads_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in PAGES
        for link in _LINK.findall(prose(page))
        if not link.startswith(("http://", "https://", "mailto:")) and not _leads_somewhere(page, link)
    ]

    assert broken == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, pages = set(), [DOCS / "index.md"]
    while pages:
        page = pages.pop()
        if page not in reached:
            reached.add(page)
            links = [link.partition("#")[0] for link in _LINK.findall(prose(page)) if "://" not in link]
            pages += [(page.parent / link).resolve() for link in links if link.endswith(".md")]

    assert [str(page.relative_to(ROOT)) for page in sorted(DOCS.rglob("*.md")) if page not in reached] == []


def _leads_somewhere(page: Path, link: str) -> bool:
    file, _, anchor = link.partition("#")
    target = (page.parent / file).resolve() if file else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchor in set(map(_slug, headings(target)))


def _slug(heading: str) -> str:
    """As those who show Markdown make an anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_stop_of_the_tour_is_where_it_says() -> None:
    stops = list(_STOP.finditer((DOCS / "tour.md").read_text()))

    assert len(stops) >= 10
    assert [stop.group() for stop in stops if stop["shown"] != stop["file"]] == []
    assert [stop.group() for stop in stops if stop["name"] not in _names(ROOT / stop["file"])] == []


def _names(file: Path) -> set[str]:
    """What a module defines: functions, classes, their methods, and what is assigned."""
    return set(_defined(ast.parse(file.read_text()).body)) if file.exists() else set()


def _defined(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield prefix + name
            case ast.ClassDef(name=name, body=inner):
                yield prefix + name
                yield from _defined(inner, f"{name}.")
            case ast.Assign(targets=[ast.Name(name)]):
                yield prefix + name


def test_python_examples_import_what_there_is() -> None:
    faults = [f"{where}: {fault}" for where, text in blocks("python") for fault in _faults(textwrap.dedent(text))]

    assert faults == []


def _faults(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        yield str(error)
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("hs_core", "hs_plugins")):
            module = importlib.import_module(node.module or "")
            yield from (f"{node.module} has no {each.name}" for each in node.names if not hasattr(module, each.name))


def test_the_roles_are_of_plugins_that_are_there_or_said_not_to_be() -> None:
    """And what is told of each stream is as it is declared."""
    plugins = {plugin.name: plugin for plugin in own_plugins()}
    text = (DOCS / "operating" / "roles.md").read_text()
    roles = text[text.index("## Roles") : text.index("## Stream writers")]
    right = " ".join(line.rpartition(" | ")[2] for line in roles.splitlines() if line.startswith("|"))
    named = re.findall(r"`([a-z_]+)`(\*?)", right)
    streams = re.findall(r"^\| `\w+` \| `(\w+)`: `(\w+)` \| (\w+) \|$", text, re.MULTILINE)

    assert len(named) > 15
    assert {name for name, star in named if bool(star) == (name in plugins)} == set()
    assert len(streams) == 6
    for plugin, name, key in streams:
        (stream,) = (each for each in plugins[plugin].writes if each.name == name)
        assert (stream.slots > 1, stream.shard_by.value) == (True, key)


def test_the_plugin_of_the_readme_is_one() -> None:
    ((_, source),) = blocks("python", ROOT / "README.md")
    names: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), names)

    assert isinstance(names["plugin"], Plugin)
    assert check_installed([*own_plugins(), names["plugin"]]) == []


def test_the_tutorial_quotes_the_example_word_for_word() -> None:
    page = DOCS / "writing-plugins.md"
    sources = [_words(path.read_text()) for path in EXAMPLE.rglob("*") if path.suffix in {".py", ".sql", ".toml"}]
    quoted = [block for language in ("python", "sql", "toml") for block in blocks(language, page)]

    assert len(quoted) >= 8
    assert [where for where, text in quoted if not any(_words(text) in source for source in sources)] == []


def test_the_example_comes_in_by_the_doors() -> None:
    trees = [ast.parse(path.read_text()) for path in EXAMPLE.rglob("*.py")]
    imported = {node.module or "" for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name for name in imported if re.match(r"hs_plugins\.(?!\w+\.api$)", name)} == set()
    assert "hs_plugins.login.api" in imported


def _words(source: str) -> str:
    """Source without its indentation and empty lines: a method may be shown by itself."""
    return "\n".join(line for each in source.splitlines() if (line := each.strip()))


@pytest.mark.parametrize(
    ("where", "text"),
    [
        pytest.param(*block, id=block[0])
        for block in blocks("yaml", *(page for page in PAGES if "benchmarks" not in page.parts))
    ],
)
def test_configurations_are_accepted(where: str, text: str, tmp_path: Path) -> None:
    shown = yaml.safe_load(text)
    (tmp_path / "hs.yaml").write_text(yaml.safe_dump({"server_name": "example.org", **shown}))
    for name in re.findall(r"\w+_file: ([\w./]+)", text):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a secret of some length")
    sections: dict[str, Any] = {plugin.name: plugin.config for plugin in own_plugins()}
    others: dict[str, Any] = dict.fromkeys(shown.get("plugins", {}))

    load(tmp_path / "hs.yaml", others | sections, {"DATABASE_PASSWORD": "sesame"})


def test_commands_take_the_arguments_that_are_shown() -> None:
    lines = [
        (where, re.split(r" > |#", line)[0].split("hs ", maxsplit=1)[1])
        for where, text in blocks("console")
        for line in text.splitlines()
        if re.match(r"\$ (.venv/bin/)?hs ", line)
    ]

    assert len(lines) >= 5
    for where, line in lines:
        for command in line.split(" && "):
            name, *arguments = shlex.split(command.removeprefix("hs "))
            try:
                parser(name, find(name)).parse_args(arguments)
            except (SystemExit, KeyError):
                pytest.fail(f"{where}: hs {command}")
