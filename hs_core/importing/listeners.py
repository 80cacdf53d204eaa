"""Synapse's listeners, of its main process or of a worker, as ours."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any, Final

from hs_core.importing.report import Imported

_RESOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "client": ("client", "media", "admin"),
    "federation": ("federation", "keys", "media"),
    "media": ("media",),
    "keys": ("keys",),
    "metrics": ("metrics",),
}
"""What Synapse's resources carry ("client" has the administrators' endpoints, too)."""

_DROPPED: Final[Mapping[str, str]] = {
    "replication": "processes find each other by themselves",
    "health": "/health is on every listener",
    "openid": "it belongs to federation",
    "static": "there are no such pages",
    "webclient": "there are no such pages",
    "consent": "there are no such pages",
}


def listeners(
    imported: Imported, option: str, value: list[Mapping[str, Any]], tls: Mapping[str, str] | None
) -> list[dict[str, Any]]:
    """Those that are taken over; `tls` are the certificate and key of the shared file, if it has them."""
    made: list[dict[str, Any]] = []
    for index, listener in enumerate(value):
        made += _listener(imported, f"{option}[{index}]", listener, tls)
    return made


def _listener(
    imported: Imported, option: str, value: Mapping[str, Any], tls: Mapping[str, str] | None
) -> list[dict[str, Any]]:
    names = _names(imported, option, value)
    if not names:
        return []
    carried = list(dict.fromkeys(each for name in names for each in _RESOURCES[name]))
    common: dict[str, Any] = {"proxied": True} if value.get("x_forwarded") else {}
    if value.get("tls"):
        if tls is None:
            imported.drop(f"{option}.tls", "tls_certificate_path and tls_private_key_path are not set")
        else:
            common["tls"] = dict(tls)
    if "path" in value:
        imported.map(option, f"a listener at {value['path']}")
        return [{"socket": value["path"], **common, "resources": carried}]
    binds, port = _binds(value), int(value["port"])
    made = []
    for bind in binds:
        private = _is_private(bind)
        resources = [each for each in carried if private or each not in {"admin", "metrics"}]
        if missing := [each for each in carried if each not in resources]:
            imported.drop(
                f"{option}: {', '.join(missing)}", f"not on {bind or 'all addresses'}: only for the server's own people"
            )
        if resources:
            made.append({"bind": bind, "port": port, **common, "resources": resources})
            imported.map(option, f"a listener at {bind or 'all addresses'}, port {port}")
    return made


def _names(imported: Imported, option: str, value: Mapping[str, Any]) -> list[str]:
    """The resources that mean something to us."""
    kind = value.get("type", "http")
    if kind == "metrics":
        return ["metrics"]
    if kind != "http":
        imported.drop(option, f"there is no listener of the type {kind!r}")
        return []
    written = [name for resource in value.get("resources") or [] for name in resource.get("names") or []]
    for name in written:
        if name not in _RESOURCES:
            imported.drop(f"{option}: {name}", _DROPPED.get(name, "there is no such resource"))
    if value.get("additional_resources"):
        imported.drop(f"{option}.additional_resources", "modules are of Synapse")
    return [name for name in written if name in _RESOURCES]


def _binds(value: Mapping[str, Any]) -> list[str]:
    """Addresses; an empty one stands for all, of both kinds."""
    written = value.get("bind_addresses") or [value.get("bind_address") or ""]
    binds = [str(each) for each in written]
    if {"::", "0.0.0.0"} <= set(binds) or "" in binds:
        return [""]
    return list(dict.fromkeys(binds))


def _is_private(bind: str) -> bool:
    if bind == "localhost":
        return True
    try:
        return ipaddress.ip_address(bind).is_loopback
    except ValueError:
        return False
