"""Unit files for systemd: one service for each process of a deployment, and a target for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hs_core.config import Config, Listener
from hs_core.supervision.child import STOP_SECONDS

TARGET: Final = "hs.target"

_LOCAL: Final = {"", "localhost", "127.0.0.1", "::1"}
_PRIVILEGED_PORTS: Final = range(1, 1024)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the program is, whom it runs as, and its configuration: absolute paths."""

    program: Path
    config: Path
    user: str = "hs"


@dataclass(frozen=True, slots=True)
class _Role:
    """What one service runs."""

    unit: str
    """`hs-sync.service`; with replicas the template `hs-sync@.service`."""
    instances: tuple[str, ...]
    """The units that the target starts."""
    description: str
    arguments: str
    listeners: tuple[Listener, ...]


def units(config: Config, installation: Installation) -> dict[str, str]:
    """The files, by name: `hs.service` for a server of one process, else a target and what it starts."""
    roles = _roles(config)
    files = {role.unit: _service(config, installation, role, alone=not config.processes) for role in roles}
    if config.processes:
        files[TARGET] = _target(config, [instance for role in roles for instance in role.instances])
    return files


def _roles(config: Config) -> list[_Role]:
    name = f"Matrix homeserver {_literal(config.server_name)}"
    if not config.processes:
        return [_Role("hs.service", ("hs.service",), name, "", config.listeners)]
    roles = []
    for process, settings in config.processes.items():
        arguments, about = f" --process {_word(process)}", f"{name}: {_literal(process)}"
        if settings.replicas == 1:
            unit = f"hs-{_unit_name(process)}.service"
            roles.append(_Role(unit, (unit,), about, arguments, settings.listeners))
            continue
        base = f"hs-{_unit_name(process)}@"
        instances = tuple(f"{base}{index}.service" for index in range(settings.replicas))
        about, arguments = f"{about} %i", f"{arguments} --replica %i"
        roles.append(_Role(f"{base}.service", instances, about, arguments, settings.listeners))
    return roles


def _target(config: Config, wanted: Sequence[str]) -> str:
    return _file(
        Unit=[f"Description=Matrix homeserver {_literal(config.server_name)}", *(f"Wants={unit}" for unit in wanted)],
        Install=["WantedBy=multi-user.target"],
    )


def _service(config: Config, installation: Installation, role: _Role, *, alone: bool) -> str:
    unit = [
        f"Description={role.description}",
        "Wants=network-online.target",
        f"After={' '.join(['network-online.target', *_before_us(config)])}",
        # A process that cannot start is tried for five minutes, which is more than a database takes to come up.
        "StartLimitIntervalSec=300",
        "StartLimitBurst=60",
    ]
    command = f"{_word(str(installation.program))} run -c {_word(str(installation.config))}{role.arguments}"
    service = [
        "# Started means that it can serve, however long that takes: units are restarted one after the other.",
        "Type=notify",
        "TimeoutStartSec=infinity",
        f"User={installation.user}",
        f"WorkingDirectory={_literal(str(installation.config.parent))}",
        "# For ${NAME} in the configuration, and HS__SECTION__KEY.",
        "EnvironmentFile=-/etc/default/hs",
        f"ExecStart={command}",
        "# SIGTERM drains: no new requests, those in flight finish, what is owned is handed over.",
        "KillMode=mixed",
        f"TimeoutStopSec={STOP_SECONDS:.0f}",
        "Restart=on-failure",
        "RestartSec=5",
        "# Bad configuration: trying again will not help.",
        "RestartPreventExitStatus=2",
        "LimitNOFILE=65536",
        *_hardening(config, installation, role.listeners),
    ]
    if not alone:
        unit.insert(1, f"PartOf={TARGET}")
    return _file(Unit=unit, Service=service, Install=[f"WantedBy={'multi-user.target' if alone else TARGET}"])


def _before_us(config: Config) -> Iterable[str]:
    """Services of this machine that should be up first; systemd does not mind if there are none of these names."""
    if config.database.url.startswith("postgresql:") and _is_local(config.database.url):
        yield "postgresql.service"
    if config.redis.url is not None and _is_local(config.redis.url):
        yield from ("redis-server.service", "redis.service", "valkey-server.service", "valkey.service")


def _is_local(url: str) -> bool:
    try:
        return (urlsplit(url).hostname or "") in _LOCAL
    except ValueError:
        return False


def _hardening(config: Config, installation: Installation, listeners: Iterable[Listener]) -> list[str]:
    """All that a server of files, sockets and nothing else can do without."""
    listeners = list(listeners)
    written = {config.data_dir, config.signing_key_path.parent}
    written |= {listener.socket.parent for listener in listeners if listener.socket is not None}
    written |= {config.logging.file.parent} if config.logging.file is not None else set()
    run = {path for path in written if path.parent == Path("/run")}
    read = {installation.config, installation.program, *written}
    at_home = any(path.is_relative_to(home) for path in read for home in ("/home", "/root", "/run/user"))
    privileged = any(each.socket is None and each.port in _PRIVILEGED_PORTS for each in listeners)
    capabilities = "CAP_NET_BIND_SERVICE" if privileged else ""
    return [
        "UMask=0027",
        *(f"RuntimeDirectory={_literal(path.name)}" for path in sorted(run)),
        *(["RuntimeDirectoryPreserve=yes"] if run else []),
        "ProtectSystem=strict",
        *(f"ReadWritePaths={_word(str(path))}" for path in sorted(written - run)),
        f"ProtectHome={'read-only' if at_home else 'yes'}",
        f"CapabilityBoundingSet={capabilities}",
        *([f"AmbientCapabilities={capabilities}"] if privileged else []),
        "NoNewPrivileges=yes",
        "PrivateTmp=yes",
        "PrivateDevices=yes",
        "ProtectClock=yes",
        "ProtectControlGroups=yes",
        "ProtectHostname=yes",
        "ProtectKernelLogs=yes",
        "ProtectKernelModules=yes",
        "ProtectKernelTunables=yes",
        "ProtectProc=invisible",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
        "RestrictNamespaces=yes",
        "RestrictRealtime=yes",
        "RestrictSUIDSGID=yes",
        "LockPersonality=yes",
        "RemoveIPC=yes",
        "SystemCallArchitectures=native",
        "SystemCallFilter=@system-service",
    ]


def _file(**sections: Sequence[str]) -> str:
    head = "# Written by `hs systemd`. Write it again when the processes change.\n"
    return head + "".join(f"\n[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections.items())


def _literal(text: str) -> str:
    """Text in which systemd sees no specifier."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """One word of a command or of a list of paths."""
    escaped = _literal(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if any(character in text for character in " \t\"'\\;$") else escaped


def _unit_name(process: str) -> str:
    """A process's name as part of a unit's."""
    return "".join(character if character.isascii() and character.isalnum() else "_" for character in process)
