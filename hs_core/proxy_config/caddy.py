"""The plan in the words of Caddy (2.6 or newer), which gets certificates by itself: matchers in the order of the rules.

Caddy hashes by a header, so what to hash by is written into one, which goes no further.
"""

from __future__ import annotations

from collections.abc import Iterator

from hs_core.plugin.declaration import By
from hs_core.proxy_config.deployment import Address
from hs_core.proxy_config.plan import Plan, Rule
from hs_core.proxy_config.text import (
    CONNECT_SECONDS,
    KEEP_ALIVE_SECONDS,
    NOT_FOUND,
    ORIGIN,
    READ_SECONDS,
    TOKEN,
    UNREACHABLE,
    heading,
    indented,
)
from hs_core.proxy_config.upstreams import Upstream

_HEADERS = {By.USER: "X-Hs-User", By.ROOM: "X-Hs-Room", By.ORIGIN: "X-Hs-Origin"}

_USER = f"""\
# The user, as the access token names them: hst_<localpart>_<random>_<checksum>. Any other token stands for itself.
@hs_query_token expression `{{query.access_token}} != ""`
request_header @hs_query_token X-Hs-User {{query.access_token}}
@hs_query_user vars_regexp hs_query_user {{query.access_token}} `^{TOKEN}$`
request_header @hs_query_user X-Hs-User {{re.hs_query_user.1}}
@hs_header_token header_regexp hs_header_token Authorization `(?i)^Bearer +(.+)$`
request_header @hs_header_token X-Hs-User {{re.hs_header_token.1}}
@hs_header_user header_regexp hs_header_user Authorization `^(?i:Bearer) +{TOKEN}$`
request_header @hs_header_user X-Hs-User {{re.hs_header_user.1}}
"""

_ORIGIN = f"""\
# The server that signed a request. It is not proven here, and need not be: it only decides which process will check.
request_header X-Hs-Origin {{remote_host}}
@hs_origin header_regexp hs_origin Authorization `(?i){ORIGIN}`
request_header @hs_origin X-Hs-Origin {{re.hs_origin.1}}
"""


def render(plan: Plan) -> str:
    """A whole Caddyfile."""
    blocks = [heading("caddy", plan.notes), *map(_snippet, plan.upstreams), _site(plan)]
    return "\n".join(blocks)


def _snippet(upstream: Upstream) -> str:
    policy = f"header {_HEADERS[upstream.affinity]}" if upstream.affinity in _HEADERS else "round_robin"
    removed = "".join(f"header_up -{header}\n" for header in _HEADERS.values())
    body = f"""\
reverse_proxy {" ".join(map(_address, upstream.addresses))} {{
    lb_policy {policy}
    # Try another process if one is gone. What has been sent is sent again only if doing it twice is harmless.
    lb_try_duration {CONNECT_SECONDS}s
    fail_duration 5s
    health_uri /health/ready
    health_interval 2s
{indented(removed)}    header_up X-Request-ID {{http.request.uuid}}
    transport http {{
        dial_timeout {CONNECT_SECONDS}s
        # A long poll is silent until there is news; large joins take minutes.
        response_header_timeout {READ_SECONDS}s
        keepalive {KEEP_ALIVE_SECONDS}s
        keepalive_idle_conns_per_host 1024
    }}
}}
"""
    return f"({upstream.name}) {{\n{indented(body)}}}\n"


def _address(address: Address) -> str:
    return f'"unix/{address.socket}"' if address.socket is not None else address.authority


def _site(plan: Plan) -> str:
    front = plan.front
    sites = ", ".join(f"{'https' if front.tls else 'http'}://{front.host}:{port}" for port in front.ports)
    bind = "" if front.bind is None else f"bind {front.bind}\n"
    given = front.tls and front.certificate is not None
    tls = f'tls "{front.certificate}" "{front.key_or_certbots}"\n' if given else ""
    routes = "\n".join([*_keys(plan), *_rules(plan), _anything_else(plan)])
    body = f"""\
{bind}{tls}# Bodies go through as they come: the processes refuse those above media.max_upload_size.
handle_errors {{
    header Content-Type application/json
    header Access-Control-Allow-Origin *
    respond `{UNREACHABLE}` {{err.status_code}}
}}
route {{
{indented(routes)}}}
"""
    return f"{sites} {{\n{indented(body)}}}\n"


def _keys(plan: Plan) -> Iterator[str]:
    used = [header for affinity, header in _HEADERS.items() if plan.uses(affinity)]
    if used:
        yield "".join(f"request_header -{header}\n" for header in used)
    if plan.uses(By.USER):
        yield _USER
    if plan.uses(By.ROOM):
        yield f"""\
# The room.
@hs_room path_regexp hs_room `{_either(plan.room_paths)}`
request_header @hs_room X-Hs-Room {{re.hs_room.room}}
"""
    if plan.uses(By.ORIGIN):
        yield _ORIGIN


def _either(patterns: tuple[str, ...]) -> str:
    """The room in any of these beginnings of paths, under one name."""
    beginnings = sorted({pattern.removeprefix("^").removesuffix("([^/]+)") for pattern in patterns})
    return f"^(?:{'|'.join(beginnings)})(?P<room>[^/]+)"


def _rules(plan: Plan) -> Iterator[str]:
    for number, rule in enumerate(plan.rules, 1):
        if rule.target.apart is not None:
            condition = f'expression `{{query.{rule.target.parameter}}} == ""`\n'
            yield _handle(f"@hs_rule_{number}_apart", rule, condition, rule.target.apart)
        yield _handle(f"@hs_rule_{number}", rule, "", rule.target.upstream)


def _handle(name: str, rule: Rule, condition: str, upstream: Upstream | None) -> str:
    """A matcher and what happens then. `path_regexp` would decode the path, and take an encoded slash for another."""
    paths = "|".join(pattern.removeprefix("^").removesuffix("$") for pattern in rule.patterns)
    matchers = f"vars_regexp {{uri}} `^(?:{paths})(?:\\?|$)`\n"
    if rule.methods:
        matchers += f"method {' '.join(rule.methods)}\n"
    matchers += condition
    return f"{name} {{\n{indented(matchers)}}}\nhandle {name} {{\n    {_action(upstream)}\n}}\n"


def _action(upstream: Upstream | None) -> str:
    if upstream is not None:
        return f"import {upstream.name}"
    headers = "header {\n        Content-Type application/json\n        Access-Control-Allow-Origin *\n    }"
    return f"{headers}\n    respond `{NOT_FOUND}` 404"


def _anything_else(plan: Plan) -> str:
    return f"handle {{\n    {_action(plan.otherwise.upstream)}\n}}\n"
