"""Users and places of other networks ("Third-party networks"): what services say of them, checked and put together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import structlog

from hs_core.outbound import OutboundError
from hs_plugins.appservice.bridge import Bridge

MAX_FOUND: Final = 1_000
"""Users or locations of one service."""

ID_OF: Final = {"user": "userid", "location": "alias"}
Kind = Literal["user", "location"]
_DESCRIPTION: Final[Mapping[str, Any]] = {"user_fields": [], "location_fields": [], "icon": "", "field_types": {}}

log = structlog.get_logger(__name__)


async def protocol(bridges: Sequence[Bridge], name: str) -> dict[str, Any] | None:
    """What these services say of a protocol of theirs; `None` if nothing. Where several have it, all their instances
    are listed.
    """
    answers = await asyncio.gather(*(_ask(bridge, "protocol", name, {}) for bridge in bridges))
    merged: dict[str, Any] | None = None
    for bridge, answer in zip(bridges, answers, strict=True):
        if is_protocol(answer):
            instances = [with_instance_id(each, bridge.registered.id) for each in answer["instances"]]
            if merged is None:
                merged = {**answer, "instances": instances}
            else:
                merged["instances"] += instances
    return merged


async def find(bridges: Sequence[Bridge], kind: Kind, name: str | None, fields: dict[str, list[str]]) -> list[Any]:
    """The users or locations that these services find."""
    answers = await asyncio.gather(*(_ask(bridge, kind, name, fields) for bridge in bridges))
    return [found for answer in answers for found in found_in(answer, kind)]


def is_protocol(answer: Any) -> bool:
    """Whether this describes a protocol. What services leave out is left out; what they say has the right type."""
    return (
        isinstance(answer, dict)
        and isinstance(answer.get("instances"), list)
        and all(isinstance(each, dict) for each in answer["instances"])
        and all(isinstance(answer.get(key, default), type(default)) for key, default in _DESCRIPTION.items())
    )


def found_in(answer: Any, kind: Kind) -> list[Mapping[str, Any]]:
    """What has the form of a user or location, at most `MAX_FOUND` of it."""
    if not isinstance(answer, list):
        return []
    return [
        each
        for each in answer[:MAX_FOUND]
        if isinstance(each, dict)
        and isinstance(each.get(ID_OF[kind]), str)
        and isinstance(each.get("protocol"), str)
        and isinstance(each.get("fields"), dict)
    ]


def instance_id(service: str, network: str) -> str:
    """ "A unique identifier for this instance on the homeserver": the list of its rooms is under this name, too."""
    return f"{service}|{network}"


def with_instance_id(instance: Mapping[str, Any], service: str) -> dict[str, Any]:
    """ "The instances are modified by the homeserver [...] to include an `instance_id`" """
    network = instance.get("network_id")
    return {**instance, "instance_id": instance_id(service, network)} if isinstance(network, str) else dict(instance)


async def _ask(bridge: Bridge, kind: str, name: str | None, fields: dict[str, list[str]]) -> Any:
    try:
        return await bridge.third_party(kind, name, fields)
    except OutboundError as error:
        log.info("an application service was not asked for its network", kind=kind, error=str(error))
        return None
