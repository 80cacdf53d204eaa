"""`hs proxy-config`: what a reverse proxy in front of this deployment should do, as a file for it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hs_core.cli.command import Command, Failure
from hs_core.cli.settings import config_argument, load_settings

DESCRIPTION = """\
Writes a whole nginx.conf, haproxy.cfg or Caddyfile to standard output: who answers what, from the routes that the
installed plugins declare and the processes of the configuration. What else has to be done is said in its first lines.
"""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("proxy", choices=("nginx", "haproxy", "caddy"))
    config_argument(parser)
    parser.add_argument("--admin", action="store_true", help="let the public reach the administrators' endpoints, too")
    parser.add_argument("--site", action="store_true", help="nginx: only what belongs in http { }, for conf.d")
    parser.add_argument("--certificate", metavar="FILE", type=Path, help="PEM, with its chain; default: certbot's")
    parser.add_argument("--key", metavar="FILE", type=Path, help="PEM; default: certbot's")


def _run(arguments: argparse.Namespace) -> int:
    from hs_core.proxy_config import NothingToProxy, caddy, haproxy, make_plan, nginx
    from hs_core.proxy_config.front import Front

    if arguments.site and arguments.proxy != "nginx":
        raise Failure([f"--site is for nginx; {arguments.proxy} has one file for everything"], 2)
    config, discovery = load_settings(arguments)
    try:
        front = Front.of(config, arguments.certificate, arguments.key)
        plan = make_plan(discovery.plugins.values(), config, front, admin=arguments.admin)
    except NothingToProxy as error:
        raise Failure([str(error)], 2) from None
    if arguments.proxy == "nginx":
        text = nginx.render(plan, site=arguments.site)
    else:
        text = (haproxy if arguments.proxy == "haproxy" else caddy).render(plan)
    sys.stdout.write(text)
    return 0


COMMAND = Command("a reverse proxy's configuration: nginx, haproxy or caddy", _arguments, _run, DESCRIPTION)
