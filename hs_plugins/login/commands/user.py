"""`hs user`: make, list and change accounts."""

from __future__ import annotations

import argparse
import getpass
import sys

from hs_core.cli.command import Command, Failure
from hs_core.cli.settings import config_argument, load_settings

SHOWN_MARKS = ("is_admin", "is_guest", "deactivated", "locked", "suspended")


def _arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    create = _verb(verbs, "create", "make an account")
    create.add_argument("--admin", action="store_true", help="one that may administer the server")
    _password_argument(create)
    _verb(verbs, "list", "show all accounts", named=False)
    password = _verb(verbs, "password", "set a new password, and log the user out everywhere")
    password.add_argument("--keep-devices", action="store_true", help="do not log the user out")
    _password_argument(password)
    admin = _verb(verbs, "admin", "let a user administer the server")
    admin.add_argument("--revoke", action="store_true", help="not any more")
    deactivate = _verb(verbs, "deactivate", "end an account for good")
    deactivate.add_argument("--erase", action="store_true", help="and erase what the user said, as far as possible")


def _verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str, *, named: bool = True
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(name, help=summary, description=summary)
    config_argument(parser)
    if named:
        parser.add_argument("name", metavar="NAME", help="a user name or a user ID")
    return parser


def _password_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password", help="by default it is asked for, or read from standard input")


def _run(arguments: argparse.Namespace) -> int:
    from hs_plugins.login.administration import actions
    from hs_plugins.login.commands.reach import act

    config, discovery = load_settings(arguments)
    action: actions.Any
    match arguments.verb:
        case "create":
            action = actions.CreateUser(name=arguments.name, password=_password(arguments), admin=arguments.admin)
        case "password":
            action = actions.SetPassword(
                name=arguments.name, password=_password(arguments), log_out=not arguments.keep_devices
            )
        case "admin":
            action = actions.SetAdmin(name=arguments.name, admin=not arguments.revoke)
        case "deactivate":
            action = actions.Deactivate(name=arguments.name, erase=arguments.erase)
        case _:
            action = actions.ListUsers()
    while True:
        answer = act(config, discovery, action)
        for account in answer:
            _show(account)
        if not isinstance(action, actions.ListUsers) or len(answer) < actions.MAX_SHOWN:
            return 0
        action = actions.ListUsers(after=answer[-1]["user_id"])


def _show(account: dict[str, object]) -> None:
    marks = [mark.removeprefix("is_") for mark in SHOWN_MARKS if account[mark]]
    print(" ".join([str(account["user_id"]), *marks]))


def _password(arguments: argparse.Namespace) -> str:
    """From the command line, the terminal or a pipe. Raises Failure."""
    password: str | None = arguments.password
    if password is None and sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise Failure(["the passwords differ"], 2)
    elif password is None:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise Failure(["the password is empty"], 2)
    return password


COMMAND = Command("make, list and change accounts", _arguments, _run)
