"""`/pushrules` (client-server API, "Push Rules: API")."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from hs_core.errors import Unrecognized
from hs_core.http.request import Request
from hs_core.http.responses import empty, json_response
from hs_core.matrix.push_rules import Kind, Rule, parse_actions, parse_kind, rule_from_request, shown
from hs_plugins.push_rules.service import PushRulesRole


class EnabledBody(msgspec.Struct):
    """The body of `PUT …/enabled`."""

    enabled: bool


async def get_all(role: PushRulesRole, request: Request) -> Response:
    """Every ruleset; there is one."""
    user = request.asker.user_id
    return _answer({"global": (await role.read.of(user)).to_json(user)})


async def get_global(role: PushRulesRole, request: Request) -> Response:
    user = request.asker.user_id
    return _answer((await role.read.of(user)).to_json(user))


async def get_kind(role: PushRulesRole, request: Request) -> Response:
    """NOTSPEC: the rules of one kind, which older versions of the API had."""
    user, kind = request.asker.user_id, parse_kind(request.params["kind"])
    return _answer([shown(rule, kind, user) for rule in (await role.read.of(user)).rules(kind)])


async def get_rule(role: PushRulesRole, request: Request) -> Response:
    kind, rule = await _rule(role, request)
    return _answer(shown(rule, kind, request.asker.user_id))


async def get_enabled(role: PushRulesRole, request: Request) -> Response:
    _, rule = await _rule(role, request)
    return _answer({"enabled": rule.enabled})


async def get_actions(role: PushRulesRole, request: Request) -> Response:
    _, rule = await _rule(role, request)
    return _answer({"actions": rule.actions})


async def put_rule(role: PushRulesRole, request: Request) -> Response:
    kind, rule_id = _place(request)
    rule = rule_from_request(kind, rule_id, await request.json_object(canonical=False))
    before, after = request.query_text("before"), request.query_text("after")
    await role.calls.put(request.asker.user_id, kind, rule, before, after)
    return empty()


async def put_enabled(role: PushRulesRole, request: Request) -> Response:
    kind, rule_id = _place(request)
    body = await request.json(EnabledBody)
    await role.calls.set_enabled(request.asker.user_id, kind, rule_id, body.enabled)
    return empty()


async def put_actions(role: PushRulesRole, request: Request) -> Response:
    kind, rule_id = _place(request)
    actions = parse_actions(await request.json_object(canonical=False))
    await role.calls.set_actions(request.asker.user_id, kind, rule_id, actions)
    return empty()


async def delete_rule(role: PushRulesRole, request: Request) -> Response:
    kind, rule_id = _place(request)
    await role.calls.delete(request.asker.user_id, kind, rule_id)
    return empty()


async def refuse(role: PushRulesRole, request: Request) -> Response:
    """NOTSPEC: a path below `/pushrules` that is none is answered with 400 instead of 404, as it always was: clients
    take 404 to mean that there is no such rule.
    """
    raise Unrecognized("There are no such push rules, or there is no such thing to know about them", status=400)


def _place(request: Request) -> tuple[Kind, str]:
    return parse_kind(request.params["kind"]), request.params["rule_id"]


async def _rule(role: PushRulesRole, request: Request) -> tuple[Kind, Rule]:
    """Raises ProtocolError, `M_NOT_FOUND`."""
    kind, rule_id = _place(request)
    return kind, (await role.read.of(request.asker.user_id)).rule(kind, rule_id)


def _answer(value: object) -> Response:
    """Written as it was read, for clients may nest conditions deeper than other answers ever are."""
    return json_response(msgspec.json.encode(value))
