"""Commands: what each takes, from its parser."""

import argparse
from collections.abc import Iterator
from importlib.metadata import entry_points

from docs.generate.markdown import code, paragraphs, table
from hs_core.cli.command import BUILT_IN, GROUP, Command, find, names, parser


def commands() -> Iterator[tuple[str, str]]:
    """Each command and verb that is developed here, with what is said of it."""
    brought = {each.name for each in entry_points(group=GROUP) if each.dist and each.dist.name == "hs"}
    for name in (name for name in names() if name in brought or name in BUILT_IN):
        command = find(name)
        yield from _of(f"hs {name}", parser(name, command), command)


def _of(title: str, arguments: argparse.ArgumentParser, command: Command | None) -> Iterator[tuple[str, str]]:
    verbs = [action for action in arguments._actions if isinstance(action, argparse._SubParsersAction)]
    said = f"{command.summary[0].upper()}{command.summary[1:]}." if command else f"{arguments.description or ''}"
    rows = [
        (code(_written(action)), (action.help or "").replace("%(default)s", str(action.default)))
        for action in arguments._actions
        if action not in verbs and not isinstance(action, argparse._HelpAction)
    ]
    more = " ".join(command.description.split()) if command else ""
    yield title, paragraphs(_sentence(said), more, table(("Argument", ""), rows))
    for action in verbs:
        for verb, inner in action.choices.items():
            yield from _of(f"{title} {verb}", inner, None)


def _written(action: argparse.Action) -> str:
    """An option with the name of its value, or an argument's name."""
    value = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if not action.option_strings:
        return value
    takes = "" if action.nargs == 0 else f" {value}"
    return ", ".join(f"{option}{takes}" for option in action.option_strings)


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text.endswith(".") else f"{text[0].upper()}{text[1:]}."
