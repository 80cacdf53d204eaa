"""What the server says of itself (client-server API, "Server administration", "Server discovery")."""

from starlette.responses import Response

from hs_core.errors import NotFound
from hs_core.http.request import Request
from hs_core.http.responses import json_response
from hs_core.matrix.room_version import ROOM_VERSIONS
from hs_plugins.client.role import ClientApi

SPEC_VERSIONS = ["r0.5.0", "r0.6.0", "r0.6.1", *(f"v1.{minor}" for minor in range(1, 12))]
"""v1.11 is where media need authentication: clients choose their media endpoints by it."""

UNSTABLE_FEATURES = {
    "org.matrix.msc3440.stable": True,
    "org.matrix.msc3827.stable": True,
    "org.matrix.msc3030": True,
}
"""What became part of the specification, under the names by which clients of those days look for it."""


async def get_versions(client: ClientApi, _request: Request) -> Response:
    """`GET /versions`: with the features that the installed plugins declare."""
    return json_response(
        {"versions": SPEC_VERSIONS, "unstable_features": {**UNSTABLE_FEATURES, **client.unstable_features}}
    )


async def get_capabilities(client: ClientApi, _request: Request) -> Response:
    """`GET /capabilities`: our own, and those that the installed plugins declare."""
    available = {name: "stable" if version.stable else "unstable" for name, version in ROOM_VERSIONS.items()}
    versions = {"default": client.config.default_room_version, "available": available}
    return json_response({"capabilities": {**client.capabilities, "m.room_versions": versions}})


async def get_well_known(client: ClientApi, _request: Request) -> Response:
    """`GET /.well-known/matrix/client`."""
    return json_response({"m.homeserver": {"base_url": client.config.public_baseurl.rstrip("/")}})


async def get_support(client: ClientApi, _request: Request) -> Response:
    """`GET /.well-known/matrix/support`."""
    if not client.support.contacts and client.support.support_page is None:
        raise NotFound("No server support information available")
    return json_response(client.support)
