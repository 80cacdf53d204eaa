"""From the parsed files to the new configuration and its report."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any

from hs_core.importing.listeners import listeners
from hs_core.importing.options import OPTIONS, dropped
from hs_core.importing.report import Imported
from hs_core.importing.workers import SHARED, Deployment

_CAPTCHA = "recaptcha_"


def import_config(
    files: Sequence[Mapping[str, Any]], installed: Collection[str], new_secret: Callable[[], str]
) -> Imported:
    """The configuration that `files` (those of workers have a `worker_app`) were together, for the plugins installed.

    `new_secret` makes the processes' shared secret if there was none. An option that cannot be read is dropped.
    Raises ValueError if there is no server name, or if the listeners cannot be read.
    """
    shared: dict[str, Any] = {}
    for file in files:
        shared |= {} if "worker_app" in file else file
    workers = [file for file in files if "worker_app" in file]
    if not isinstance(shared.get("server_name"), str):
        raise ValueError("no file has a server_name; the first one is homeserver.yaml")
    imported = Imported()
    for option, value in shared.items():
        if option not in SHARED:
            _option(imported, option, value, captcha=bool(shared.get("enable_registration_captcha")))
    try:
        _processes(imported, shared, workers, installed, new_secret)
    except (LookupError, TypeError, ArithmeticError, AttributeError) as error:
        raise ValueError(f"the listeners or workers cannot be read: {type(error).__name__} {error}") from error
    return imported


def _processes(
    imported: Imported,
    shared: Mapping[str, Any],
    workers: Sequence[Mapping[str, Any]],
    installed: Collection[str],
    new_secret: Callable[[], str],
) -> None:
    tls = _tls(shared)
    if workers:
        if "url" not in imported.settings.get("redis", {}):
            imported.keep("redis", "redis.url", "redis://127.0.0.1:6379/0", "several processes need it")
        Deployment(imported, shared, installed, tls).build(workers, new_secret)
    else:
        _alone(imported, shared, tls)


def _option(imported: Imported, option: str, value: Any, *, captcha: bool) -> None:
    rule = OPTIONS.get(option, dropped("there is no such setting"))
    if option.startswith(_CAPTCHA) and not captcha:
        rule = dropped("enable_registration_captcha is off, and recaptcha would be on with both keys")
    if value is None:
        rule = dropped("nothing is written there")
    before = deepcopy(imported.settings)
    try:
        rule(imported, option, value)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        imported.settings = before
        imported.drop(option, f"cannot be read: {type(error).__name__} {error}")


def _tls(shared: Mapping[str, Any]) -> dict[str, str] | None:
    certificate, key = shared.get("tls_certificate_path"), shared.get("tls_private_key_path")
    return {"cert": str(certificate), "key": str(key)} if certificate and key else None


def _alone(imported: Imported, shared: Mapping[str, Any], tls: Mapping[str, str] | None) -> None:
    """One process, as `hs run -c FILE` runs it."""
    for option in sorted(SHARED & shared.keys() - {"listeners"}):
        imported.drop(option, "there is one process, in which everything is active")
    if made := listeners(imported, "listeners", shared.get("listeners") or [], tls):
        imported.set("listeners", made)
