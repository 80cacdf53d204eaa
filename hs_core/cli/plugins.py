"""`hs plugins`: what is installed, as it declares itself."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from hs_core.cli.command import Command

if TYPE_CHECKING:
    from hs_core.plugin.discovery import Discovery, Installed


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def _run(arguments: argparse.Namespace) -> int:
    from hs_core.plugin.discovery import discover

    discovery = discover()
    if arguments.json:
        import orjson

        print(orjson.dumps(describe(discovery), option=orjson.OPT_INDENT_2).decode())
    else:
        print(as_text(discovery))
    return 1 if discovery.broken else 0


def describe(discovery: Discovery) -> dict[str, Any]:
    """Everything that the declarations say, as JSON values."""
    return {
        "plugins": [_description(installed) for installed in discovery.installed.values()],
        "broken": [{"name": each.name, "package": each.package, "cause": each.cause} for each in discovery.broken],
    }


def _description(installed: Installed) -> dict[str, Any]:
    plugin = installed.plugin
    return {
        "name": plugin.name,
        "package": installed.package,
        "version": installed.version,
        "requires": list(plugin.requires),
        "routes": [
            {
                "method": route.method,
                "path": route.path,
                "auth": route.auth.value,
                "affinity": route.affinity.value,
                "rate": route.rate.value,
                "resource": route.resource.value,
                "tag": route.tag,
                "tag_without": route.tag_without,
            }
            for route in plugin.routes
        ],
        "writes": [
            {"stream": stream.name, "version": stream.version, "shard_by": stream.shard_by.value, "slots": stream.slots}
            for stream in plugin.writes
        ],
        "reads": list(plugin.reads),
        "tasks": [
            {"name": task.name, "every_seconds": task.every.total_seconds(), "scope": task.scope.value}
            for task in plugin.tasks
        ],
        "feeds": [{"name": feed.name, "stream": feed.stream} for feed in plugin.feeds],
        "services": [service.name for service in plugin.serves],
        "read_sides": [offer.key.name for offer in plugin.offers],
        "outbound": plugin.outbound,
    }


def as_text(discovery: Discovery) -> str:
    """For people: a paragraph for each plugin."""
    paragraphs = [_paragraph(installed) for installed in discovery.installed.values()]
    paragraphs += [f"BROKEN {broken}" for broken in discovery.broken]
    return "\n\n".join(paragraphs) or "no plugins are installed"


def _paragraph(installed: Installed) -> str:
    from hs_core.http.routes import template

    plugin = installed.plugin
    facts = {
        "requires": list(plugin.requires),
        "writes": [f"{stream.name} ({stream.slots} slots)" for stream in plugin.writes],
        "reads": list(plugin.reads),
        "serves": [service.name for service in plugin.serves],
        "offers": [offer.key.name for offer in plugin.offers],
        "tasks": [f"{task.name} (every {task.every}, {task.scope.value})" for task in plugin.tasks],
        "feeds": [f"{feed.name} (fed by {feed.stream})" for feed in plugin.feeds],
    }
    lines = [f"{plugin.name}  ({installed.package} {installed.version})"]
    lines += [f"  {fact:<9} {', '.join(values)}" for fact, values in facts.items() if values]
    lines += [f"  {route.method:<9} {template(route.path)}  [{route.auth.value}]" for route in plugin.routes]
    return "\n".join(lines)


COMMAND = Command("the installed plugins: routes, streams, services, tasks", _arguments, _run)
