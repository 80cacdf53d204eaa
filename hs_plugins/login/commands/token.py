"""`hs token registration`: the tokens with which people may register."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from hs_core.cli.command import Command, Failure
from hs_core.cli.settings import config_argument, load_settings


def _arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    registration = kinds.add_parser("registration", help="for people who want to register")
    verbs = registration.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = verbs.add_parser("create", help="make a token")
    create.add_argument("token", nargs="?", help="default: one that nobody can guess")
    create.add_argument("--uses", type=int, help="how many may register with it; default: any number")
    create.add_argument("--expires-in", metavar="DURATION", help="such as 7d; default: never")
    listing = verbs.add_parser("list", help="show all tokens")
    delete = verbs.add_parser("delete", help="nobody can register with it any more")
    delete.add_argument("token")
    for verb in (create, listing, delete):
        config_argument(verb)


def _run(arguments: argparse.Namespace) -> int:
    from hs_plugins.login.administration import actions
    from hs_plugins.login.commands.reach import act

    config, discovery = load_settings(arguments)
    action: actions.Any
    match arguments.verb:
        case "create":
            action = actions.CreateToken(
                token=arguments.token, uses=arguments.uses, expires_ts=_end(arguments.expires_in)
            )
        case "delete":
            action = actions.DeleteToken(token=arguments.token)
        case _:
            action = actions.ListTokens()
    for token in act(config, discovery, action):
        _show(token)
    return 0


def _end(duration: str | None) -> int | None:
    """Milliseconds since the epoch. Raises Failure."""
    from hs_core.clock import SystemClock
    from hs_core.config.values import parse_duration

    if duration is None:
        return None
    try:
        return SystemClock().now_ms() + round(parse_duration(duration).total_seconds() * 1000)
    except ValueError as error:
        raise Failure([f"--expires-in: {error}"], 2) from None


def _show(token: dict[str, object]) -> None:
    allowed = "any number" if token["uses_allowed"] is None else token["uses_allowed"]
    words = [str(token["token"]), f"used {token['uses']} of {allowed}"]
    if isinstance(token["expires_ts"], int):
        words.append(f"until {datetime.fromtimestamp(token['expires_ts'] / 1000, UTC):%Y-%m-%d %H:%M} UTC")
    print("  ".join(words))


COMMAND = Command("make, list and delete registration tokens", _arguments, _run)
