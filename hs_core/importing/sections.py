"""Options that are sections: each function reads one, and raises LookupError, TypeError or ValueError if it cannot."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from hs_core.importing.report import Imported

_NEW_DATABASE = "hs"


def _rest(imported: Imported, option: str, value: Mapping[str, Any], known: Collection[str]) -> None:
    for key in value:
        if key not in known:
            imported.drop(f"{option}.{key}", "there is no such setting")


def database(imported: Imported, option: str, value: Mapping[str, Any]) -> None:
    """The same server and user, but a database of our own: the tables of another program are nothing to us."""
    if value["name"] == "sqlite3":
        imported.drop(option, "data are not taken over; the database is hs.db in data_dir")
        return
    if value["name"] != "psycopg2":
        raise ValueError(f"{value['name']!r} is not a database that is known")
    args = value.get("args") or {}
    host, port = str(args.get("host") or ""), args.get("port")
    query = {key: args[key] for key in ("sslmode", "sslrootcert", "sslcert", "sslkey") if key in args}
    login = quote(str(args["user"]), safe="") if "user" in args else ""
    if "password" in args:
        login += f":{quote(str(args['password']), safe='')}"
    if host.startswith("/"):  # the folder of a Unix socket
        query["host"], host = host, ""
    where = (f"{login}@" if login else "") + (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    url = f"postgresql://{where}/{_NEW_DATABASE}" + (f"?{urlencode(query)}" if query else "")
    note = f"a new database {_NEW_DATABASE!r} on that server, which you have to create: data are not taken over"
    imported.keep(option, "database.url", url, note)
    for key in args:
        if key not in {"user", "password", "host", "port", "dbname", "database", *query}:
            imported.drop(f"{option}.args.{key}", "caches and pools size themselves")
    _rest(imported, option, value, {"name", "args"})


def redis(imported: Imported, option: str, value: Mapping[str, Any]) -> None:
    """One URL."""
    if not value.get("enabled"):
        imported.drop(option, "it is not enabled")
        return
    login = ""
    if value.get("password"):
        login = f"{quote(str(value.get('username') or ''), safe='')}:{quote(str(value['password']), safe='')}@"
    number = value.get("dbid") or 0
    if value.get("path"):
        url = f"unix://{login}{value['path']}?db={number}"
    else:
        scheme = "rediss" if value.get("use_tls") else "redis"
        url = f"{scheme}://{login}{value.get('host') or 'localhost'}:{value.get('port') or 6379}/{number}"
    imported.keep(option, "redis.url", url)
    _rest(imported, option, value, {"enabled", "username", "password", "host", "port", "dbid", "use_tls", "path"})


def rate_limit(imported: Imported, option: str, setting: str, value: Mapping[str, Any]) -> None:
    """So many in the long run, so many at once."""
    per_second, burst = float(value.get("per_second", 0)), int(value.get("burst_count", 1))
    if per_second <= 0 or burst < 1:
        imported.drop(option, f"a budget of nothing cannot be set; {setting} keeps its default")
        return
    imported.keep(option, setting, {"per_second": per_second, "burst": burst})


def captcha_switch(imported: Imported, option: str, value: Any) -> None:
    if value:
        imported.map(option, "recaptcha, which is on once both keys are given")
    else:
        imported.drop(option, "it is off; leave recaptcha out")


def cas(imported: Imported, option: str, value: Mapping[str, Any]) -> None:
    if not value.get("enabled"):
        imported.drop(option, "it is not enabled")
        return
    imported.keep(f"{option}.server_url", "cas.server_url", value["server_url"])
    _rest(imported, option, value, {"enabled", "server_url"})


def oidc(imported: Imported, option: str, value: list[Mapping[str, Any]]) -> None:
    """Each provider; with it, what a provider cannot be without."""
    known = {
        "idp_id": "id",
        "idp_name": "name",
        "issuer": "issuer",
        "client_id": "client_id",
        "client_secret": "client_secret",
        "client_secret_path": "client_secret_file",
        "scopes": "scopes",
    }
    providers = []
    for index, provider in enumerate(value):
        made = {setting: provider[key] for key, setting in known.items() if provider.get(key) is not None}
        made["id"] = re.sub(r"[^a-z0-9_.-]", "_", str(provider["idp_id"]).lower())[:64]
        made.setdefault("name", provider["idp_id"])
        if missing := {"issuer", "client_id"} - made.keys():
            raise LookupError(f"{option}[{index}].{min(missing)}")
        providers.append(made)
        _rest(imported, f"{option}[{index}]", provider, known)
    imported.keep(option, "oidc", providers)


def saml(imported: Imported, option: str, value: Mapping[str, Any]) -> None:
    local = ((value.get("sp_config") or {}).get("metadata") or {}).get("local") or []
    if not local:
        imported.drop(option, "the identity provider's metadata must be a file: saml.metadata")
        return
    imported.keep(option, "saml.metadata", local[0], "of the rest nothing is taken over")


def authorities(imported: Imported, option: str, value: list[str]) -> None:
    if len(value) != 1:
        imported.drop(option, "federation.ca_file is one file; put all of them into it")
        return
    imported.keep(option, "federation.ca_file", value[0])


def email(imported: Imported, option: str, value: Mapping[str, Any]) -> None:
    """What is needed to send mail; what is in it is not configured."""
    same = {"smtp_host": "smtp_host", "smtp_port": "smtp_port", "smtp_user": "smtp_user", "smtp_pass": "smtp_password"}
    imported.set("email.smtp_host", "localhost")
    for key, setting in same.items():
        if value.get(key) is not None:
            imported.keep(f"{option}.{key}", f"email.{setting}", value[key])
    imported.set("email.smtp_tls", _mail_tls(value))
    for key in ("force_tls", "require_transport_security", "enable_tls"):
        if key in value:
            imported.map(f"{option}.{key}", f"email.smtp_tls: {_mail_tls(value)}")
    sender = str(value.get("notif_from") or f"noreply@{imported.settings.get('server_name', 'localhost')}")
    sender = sender.replace("%(app)s", str(value.get("app_name") or "Matrix"))
    imported.keep(f"{option}.notif_from", "email.from", sender)
    switches = {"force_tls", "require_transport_security", "enable_tls", "notif_from", "app_name"}
    _rest(imported, option, value, {*same, *switches})


def user_directory(imported: Imported, option: str, value: Mapping[str, Any]) -> None:
    """Whom one finds; a process that is not to search leaves the plugin out."""
    if "search_all_users" in value:
        everybody = bool(value["search_all_users"])
        imported.keep(f"{option}.search_all_users", "plugins.user_directory.search_all_users", everybody)
    _rest(imported, option, value, {"search_all_users"})


def _mail_tls(value: Mapping[str, Any]) -> str:
    if value.get("force_tls"):
        return "implicit"
    return "starttls" if value.get("require_transport_security") else "none"
