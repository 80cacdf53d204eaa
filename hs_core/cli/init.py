"""`hs init`: a configuration to edit, and a signing key to keep."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from hs_core.cli.command import Command, Failure

DESCRIPTION = """\
Writes a configuration with every setting explained, and the key by which other servers will know this one. Nothing is
overwritten. The server name is part of every user's and room's ID and can never be changed.
"""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server-name", metavar="NAME", required=True, help="such as example.org")
    parser.add_argument("-c", "--config", metavar="FILE", default="hs.yaml", help="what to write; default: %(default)s")


def _run(arguments: argparse.Namespace) -> int:
    from hs_core.clock import SystemClock
    from hs_core.keyfile import read_or_create
    from hs_core.matrix.errors import ProtocolError
    from hs_core.matrix.identifiers import parse_server_name

    try:
        name = parse_server_name(arguments.server_name)
    except ProtocolError:
        raise Failure(
            [f"{arguments.server_name!r} is not a server name; write a host name, such as example.org"], 2
        ) from None
    config = Path(arguments.config)
    key = config.parent / "data" / "signing.key"
    for path in (config, key):
        if path.exists():
            raise Failure([f"{path} is there already, and nothing is overwritten; move it away first"])
    config.parent.mkdir(parents=True, exist_ok=True)
    with config.open("x", encoding="utf-8") as file:
        file.write(template(name))
    read_or_create(key, SystemClock())
    print(f"wrote {config} and {key}; keep the key, and nobody else should have it")
    print(f"next: hs check -c {config} && hs run -c {config}")
    return 0


def template(server_name: str) -> str:
    """The text of a new configuration."""
    text = files("hs_core.cli").joinpath("hs.yaml").read_text(encoding="utf-8")
    return text.replace("@SERVER_NAME@", server_name)


COMMAND = Command("write a commented hs.yaml and a signing key", _arguments, _run, DESCRIPTION)
