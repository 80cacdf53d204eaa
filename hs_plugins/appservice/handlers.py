"""The client API of application services: pinging, third-party networks, published rooms of a network."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from starlette.responses import Response

from hs_core.errors import Forbidden, InvalidParam, MatrixError, NotFound
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.identifiers import parse_room_alias, parse_user_id
from hs_core.outbound import OutboundError
from hs_plugins.appservice.bridge import Bridge, NotTaken
from hs_plugins.appservice.role import AppserviceRole
from hs_plugins.appservice.thirdparty import Kind, instance_id

MAX_FIELDS = 50
MAX_NETWORK = 255
"""Characters of a network's ID."""


class PingBody(msgspec.Struct):
    """The body of `POST /appservice/{appserviceId}/ping`."""

    transaction_id: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class VisibilityBody(msgspec.Struct):
    """The body of `PUT /directory/list/appservice/{networkId}/{roomId}`."""

    visibility: Literal["public", "private"]


async def post_ping(role: AppserviceRole, request: Request) -> Response:
    """`POST /appservice/{appserviceId}/ping`: whether the server reaches the service."""
    service = request.params["appservice_id"]
    if request.asker.appservice != service:
        raise Forbidden("The access token is that of another application service")
    body = await request.json(PingBody, allow_empty=True)
    bridge = role.bridges.get(service)
    if bridge is None:
        raise MatrixError(400, "M_URL_NOT_SET", "The application service has no URL")
    told = {} if body.transaction_id is None else {"transaction_id": body.transaction_id}
    started = role.clock.monotonic()
    await _ping(bridge, msgspec.json.encode(told))
    role.senders[service].is_reached()
    return json_response({"duration_ms": round((role.clock.monotonic() - started) * 1000)})


async def get_protocols(role: AppserviceRole, request: Request) -> Response:
    """`GET /thirdparty/protocols`."""
    return json_response(await role.protocols())


async def get_protocol(role: AppserviceRole, request: Request) -> Response:
    """`GET /thirdparty/protocol/{protocol}`."""
    found = await role.protocol(request.params["protocol"])
    if found is None:
        raise NotFound("The protocol is unknown")
    return json_response(found)


async def get_users(role: AppserviceRole, request: Request) -> Response:
    """`GET /thirdparty/user/{protocol}`."""
    return await _by_fields(role, request, "user")


async def get_locations(role: AppserviceRole, request: Request) -> Response:
    """`GET /thirdparty/location/{protocol}`."""
    return await _by_fields(role, request, "location")


async def get_user(role: AppserviceRole, request: Request) -> Response:
    """`GET /thirdparty/user`."""
    user = parse_user_id(request.query_required("userid"))
    return _found(await role.find_third_party("user", None, {"userid": [user]}))


async def get_location(role: AppserviceRole, request: Request) -> Response:
    """`GET /thirdparty/location`."""
    alias = parse_room_alias(request.query_required("alias"))
    return _found(await role.find_third_party("location", None, {"alias": [alias]}))


async def put_visibility(role: AppserviceRole, request: Request) -> Response:
    """`PUT /directory/list/appservice/{networkId}/{roomId}`."""
    body = await request.json(VisibilityBody)
    return await _publish(role, request, body.visibility == "public")


async def delete_visibility(role: AppserviceRole, request: Request) -> Response:
    """`DELETE /directory/list/appservice/{networkId}/{roomId}`.

    NOTSPEC: it is what services used before they could say `private`, and still use.
    """
    return await _publish(role, request, False)


async def _publish(role: AppserviceRole, request: Request, published: bool) -> Response:
    service = request.asker.appservice
    assert service is not None, "nobody else is let through"
    room_id, network = request.room_id("room_id"), request.params["network_id"]
    if len(network) > MAX_NETWORK:
        raise InvalidParam(f"The ID of a network may have {MAX_NETWORK} characters")
    if room_id not in await role.rooms.members.rooms([room_id]):
        raise NotFound("Room not found")
    await role.publishing.publish(room_id, instance_id(service, network), published)
    return empty()


async def _by_fields(role: AppserviceRole, request: Request, kind: Kind) -> Response:
    ours = {"access_token"} if request.asker.appservice is None else {"access_token", "device_id", "user_id"}
    fields = {name: values for name, values in request.query.items() if name not in ours}
    if sum(map(len, fields.values())) > MAX_FIELDS:
        raise InvalidParam(f"At most {MAX_FIELDS} fields")
    return _found(await role.find_third_party(kind, request.params["protocol"], fields))


async def _ping(bridge: Bridge, body: bytes) -> None:
    try:
        await bridge.ping(body)
    except NotTaken as error:
        extra = {"status": error.status, "body": error.body}
        raise MatrixError(502, "M_BAD_STATUS", f"The ping was answered with status {error.status}", extra) from None
    except OutboundError as error:
        if error.reason == "no answer in time":
            raise MatrixError(504, "M_CONNECTION_TIMEOUT", "The connection to the service timed out") from None
        raise MatrixError(502, "M_CONNECTION_FAILED", f"The service cannot be reached: {error.reason}") from None


def _found(found: Any) -> Response:
    if not found:
        raise NotFound("Nothing was found")
    return json_response(found)
