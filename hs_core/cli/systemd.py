"""`hs systemd`: the unit files of a deployment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hs_core.cli.command import Command, Failure
from hs_core.cli.settings import config_argument, load_settings

DESCRIPTION = """\
Prints one service for each process of the configuration and a target that starts them all; without processes, one
service. --write DIR makes the files. Then, as root:

  systemctl daemon-reload && systemctl enable --now hs.target
"""


def _arguments(parser: argparse.ArgumentParser) -> None:
    config_argument(parser)
    parser.add_argument("--write", metavar="DIR", type=Path, help="write the files there, such as /etc/systemd/system")
    parser.add_argument("--user", metavar="NAME", default="hs", help="whom it runs as; default: %(default)s")


def _run(arguments: argparse.Namespace) -> int:
    from hs_core.systemd_units import Installation, units

    if arguments.config is None:
        raise Failure(["units need a configuration to run with; name it with -c FILE (`hs init` writes one)"], 2)
    config, _ = load_settings(arguments)
    program = Path(sys.executable).parent / "hs"
    files = units(config, Installation(program, Path(arguments.config).absolute(), arguments.user))
    for name, text in sorted(files.items()):
        if arguments.write is None:
            print(f"# {name}\n{text}")
        elif not arguments.write.is_dir():
            raise Failure([f"there is no folder {arguments.write}; make it, or name another with --write"], 2)
        else:
            (arguments.write / name).write_text(text, encoding="utf-8")
            print(f"wrote {arguments.write / name}")
    return 0


COMMAND = Command("unit files for systemd", _arguments, _run, DESCRIPTION)
