"""Plugins with toy declarations, and deployments of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hs_core.config import Config, Section, load
from hs_core.plugin.declaration import By, Plugin, Resource, Route
from hs_core.plugin.paths import CLIENT, CLIENT_V1, ROOM
from hs_core.proxy_config import Plan, make_plan
from hs_core.proxy_config.front import Front


async def _handler(role: Any, request: Any) -> Any:
    raise AssertionError("declarations are only read")


def _route(method: str, path: str, affinity: By = By.NONE, **more: Any) -> Route:
    return Route(method, path, _handler, affinity=affinity, **more)


FEDERATION = "/_matrix/federation/v1"
PROFILE = CLIENT + "/profile/(?P<user_id>[^/]+)"

PLUGINS = [
    Plugin(
        "sync",
        routes=[
            _route("GET", CLIENT + "/sync", By.USER, tag="initial_sync", tag_without="since"),
            _route("GET", CLIENT + "/events", By.USER),
            _route("GET", ROOM + "/initialSync", By.USER, tag="initial_sync"),
        ],
    ),
    Plugin(
        "client",
        routes=[
            _route("PUT", ROOM + "/send/(?P<type>[^/]+)/(?P<txn>[^/]+)", By.ROOM),
            _route("GET", ROOM + "/messages", By.ROOM),
            _route("POST", CLIENT + "/join/(?P<room_id_or_alias>[^/]+)", By.ROOM),
            _route("POST", CLIENT + "/createRoom", By.USER),
        ],
    ),
    Plugin("profile", routes=[_route("GET", PROFILE + "/(?P<field>[^/]+)"), _route("GET", PROFILE)]),
    Plugin("avatars", routes=[_route("GET", PROFILE + "/avatar_url"), _route("PUT", PROFILE + "/(?P<field>[^/]+)")]),
    Plugin(
        "federation",
        routes=[
            _route("PUT", FEDERATION + "/send/(?P<txn>[^/]+)", By.ORIGIN, resource=Resource.FEDERATION),
            _route("GET", FEDERATION + "/query/(?P<type>[^/]+)", resource=Resource.FEDERATION),
            _route("GET", "/_matrix/key/v2/server", resource=Resource.KEYS),
        ],
    ),
    Plugin(
        "media",
        routes=[
            _route("POST", "/_matrix/media/(?:v3|r0)/upload", resource=Resource.MEDIA),
            _route("GET", CLIENT_V1 + "/media/download/(?P<rest>.*)", resource=Resource.MEDIA),
        ],
    ),
    Plugin(
        "admin",
        routes=[
            _route("GET", "/_synapse/admin/v1/users", resource=Resource.ADMIN),
            _route("GET", CLIENT + "/admin/whois/(?P<user_id>[^/]+)", resource=Resource.ADMIN),
        ],
    ),
]

SECTIONS = {plugin.name: Section for plugin in PLUGINS}

CLUSTER = """
server_name: example.org
public_baseurl: https://matrix.example.org/
database: {url: postgresql://hs@db/hs}
redis: {url: redis://127.0.0.1/0}
cluster: {secret: abc}
media: {max_upload_size: 30M}
"""

SPLIT = (
    CLUSTER
    + """
processes:
  edge: {plugins: [client, avatars], replicas: 3, listeners: [{port: 8100, proxied: true, resources: [client]}]}
  sync: {plugins: [sync], replicas: 3, listeners: [{port: 8110, proxied: true, resources: [client]}]}
  first:
    plugins: [sync]
    replicas: 2
    tags: [initial_sync]
    listeners: [{port: 8120, proxied: true, resources: [client]}]
  inbound:
    plugins: [federation]
    replicas: 3
    listeners: [{port: 8130, proxied: true, resources: [federation, keys]}]
  media: {plugins: [media], listeners: [{socket: /run/hs/media.sock, proxied: true, resources: [media]}]}
  rest: {plugins: ["*"], except: [sync, client, avatars, media, federation], listeners: [{port: 8140, proxied: true}]}
"""
)


def config_of(folder: Path, text: str) -> Config:
    file = folder / "hs.yaml"
    file.write_text(text)
    return load(file, SECTIONS, {})


def plan_of(folder: Path, text: str, **more: Any) -> Plan:
    config = config_of(folder, text)
    return make_plan(PLUGINS, config, Front.of(config), **more)
