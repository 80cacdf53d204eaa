"""The `-c` argument that most commands share, and what is behind it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hs_core.config import Config, Places
    from hs_core.plugin.discovery import Discovery


def config_argument(parser: argparse.ArgumentParser) -> None:
    """Add `-c FILE`."""
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default=os.environ.get("HS_CONFIG") or None,
        help="the configuration; default: HS_CONFIG, or a local server with its data in ./hs-data",
    )


def load_settings(arguments: argparse.Namespace) -> tuple[Config, Discovery]:
    """The configuration that `-c` names, and the plugins that are installed. Warns of those that are broken.

    Raises ConfigError.
    """
    config, _, discovery = load_placed_settings(arguments)
    return config, discovery


def load_placed_settings(arguments: argparse.Namespace) -> tuple[Config, Places, Discovery]:
    """The same, and where each setting is written."""
    from hs_core.config import defaults, load_with_places
    from hs_core.plugin.discovery import discover

    discovery = discover()
    for broken in discovery.broken:
        print(f"hs: warning: {broken}", file=sys.stderr)
    sections = {
        **{broken.name: None for broken in discovery.broken},
        **{name: plugin.config for name, plugin in discovery.plugins.items()},
    }
    if arguments.config is None:
        return defaults(Path(), sections, os.environ), {}, discovery
    return *load_with_places(Path(arguments.config), sections, os.environ), discovery
