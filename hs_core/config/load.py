"""From a file, the environment and the plugins' declarations to one checked `Config`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import yaml

from hs_core.config.model import Config, Listener
from hs_core.config.problems import ConfigError, Problem, nearest
from hs_core.config.reader import BAD, Reader, Where
from hs_core.config.rules import check
from hs_core.config.source import Source, empty, is_null, place
from hs_core.config.values import Secret
from hs_core.plugin.declaration import Resource

Sections = Mapping[str, type[msgspec.Struct] | None]
"""The installed plugins' names and the models of their sections; `None` for a broken one, whose section is not read."""

Places = Mapping[Where, tuple[str, int]]
"""By the names of a setting and the sections around it: the file or variable in which it is written, and the line."""

_DEFAULTS = """
server_name: localhost
public_baseurl: http://127.0.0.1:8008/
data_dir: hs-data
"""


def load(path: Path, sections: Sections, environ: Mapping[str, str]) -> Config:
    """The configuration in the file at `path`, with what `environ` overrides.

    Raises ConfigError with everything that is wrong. Relative paths are relative to the file's folder.
    """
    return load_with_places(path, sections, environ)[0]


def load_with_places(path: Path, sections: Sections, environ: Mapping[str, str]) -> tuple[Config, Places]:
    """The same, and where each setting is written: for complaints about what is only seen later."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        problem = Problem(str(path), 0, f"cannot read it: {error.strerror}", "write one with `hs init`")
        raise ConfigError([problem]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(path), 0, "it is not UTF-8 text", "write it as UTF-8")]) from None
    return _load(text, str(path), path.absolute().parent, sections, environ)


def defaults(folder: Path, sections: Sections, environ: Mapping[str, str]) -> Config:
    """The configuration of a server that has no file, with its data below `folder`. Raises ConfigError."""
    return _load(_DEFAULTS, "defaults", folder.absolute(), sections, environ)[0]


def _load(text: str, name: str, folder: Path, sections: Sections, environ: Mapping[str, str]) -> tuple[Config, Places]:
    source = Source(environ)
    root = source.compose(text, name)
    if not source.problems:
        source.override(root)
    reader = Reader(source, folder)
    reader.places[()] = place(root)
    plugins_node = _take(root, "plugins")
    config = reader.section(root, Config, ()) if not _unreadable(source) else BAD
    plugins = _plugins(reader, plugins_node or empty(name), sections)
    if isinstance(config, Config):
        config = _complete(config, folder, plugins)
        source.problems += check(config, reader.places, frozenset(sections))
    if source.problems:
        raise ConfigError(sorted(set(source.problems), key=lambda each: (each.source != name, each.source, each.line)))
    assert isinstance(config, Config)
    return config, reader.places


def _unreadable(source: Source) -> bool:
    """Whether there is no document whose settings could be looked at."""
    return any(problem.message.startswith("not YAML") for problem in source.problems)


def _take(root: yaml.MappingNode, key: str) -> yaml.Node | None:
    """Remove `key` from the document; its value, if it was there."""
    for index, (known, value) in enumerate(root.value):
        if known.value == key:
            del root.value[index]
            taken: yaml.Node = value
            return taken
    return None


def _plugins(reader: Reader, node: yaml.Node, sections: Sections) -> dict[str, Any]:
    """A section for every installed plugin: what the file says, or its model's defaults."""
    if not isinstance(node, yaml.MappingNode):
        if not is_null(node):
            reader.source.report(node, "plugins is not a section", "write the plugins' names below it")
        node = empty(node.start_mark.name)
    written = {key.value: (key, value) for key, value in node.value}
    for name, (key, _) in written.items():
        if name not in sections:
            reader.source.report(key, f"the plugin {name!r} is not installed", nearest(str(name), sections))
    values = {
        name: reader.section(
            written[name][1] if name in written else empty(node.start_mark.name), model, ("plugins", name)
        )
        for name, model in sections.items()
        if model is not None
    }
    return {name: value for name, value in values.items() if value is not BAD}


def _complete(config: Config, folder: Path, plugins: dict[str, Any]) -> Config:
    """Fill in what follows from other settings, and make everything absolute."""
    data_dir = folder / config.data_dir
    url = config.database.url or Secret(f"sqlite:///{quote(str(data_dir / 'hs.db'))}")
    base = config.public_baseurl or f"https://{config.server_name}/"
    return msgspec.structs.replace(
        config,
        data_dir=data_dir,
        signing_key_path=data_dir / "signing.key" if config.signing_key_path == Path() else config.signing_key_path,
        database=msgspec.structs.replace(config.database, url=_absolute(url, folder)),
        listeners=tuple(_with_keys(listener) for listener in config.listeners),
        processes={
            name: msgspec.structs.replace(process, listeners=tuple(map(_with_keys, process.listeners)))
            for name, process in config.processes.items()
        },
        public_baseurl=base if base.endswith("/") else f"{base}/",
        plugins=plugins,
    )


def _with_keys(listener: Listener) -> Listener:
    """Servers ask for each other's keys where they federate, so a listener that carries the one carries the other."""
    if Resource.FEDERATION not in listener.resources or Resource.KEYS in listener.resources:
        return listener
    return msgspec.structs.replace(listener, resources=(*listener.resources, Resource.KEYS))


def _absolute(url: Secret, folder: Path) -> Secret:
    """A relative `sqlite:///` URL is relative to the file's folder."""
    scheme, separator, file = url.partition(":///")
    if scheme != "sqlite" or not separator or not file or file == ":memory:":
        return url
    return Secret(f"sqlite:///{quote(str(folder / unquote(file)))}")
