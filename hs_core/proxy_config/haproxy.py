"""The plan in the words of HAProxy (2.6 or newer, built with PCRE): access lists choose a backend."""

from __future__ import annotations

import re
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
    TOO_LARGE,
    heading,
    indented,
)
from hs_core.proxy_config.upstreams import Upstream

_VARIABLES = {By.USER: "txn.hs_user", By.ROOM: "txn.hs_room", By.ORIGIN: "txn.hs_origin"}
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.:-]")
_ANSWER = "content-type application/json hdr Access-Control-Allow-Origin *"

_MAIN = f"""\
global
    log /dev/log local0
    ssl-default-bind-options ssl-min-ver TLSv1.2

defaults
    mode http
    log global
    # Without the query, which may hold an access token.
    log-format '%ci "%HM %HP" %ST %B %Tt %b/%s %ID'
    option dontlognull
    timeout connect {CONNECT_SECONDS}s
    # A long poll is silent until there is news; large joins take minutes.
    timeout client {READ_SECONDS}s
    timeout server {READ_SECONDS}s
    timeout http-request 30s
    timeout http-keep-alive {KEEP_ALIVE_SECONDS}s
    timeout queue 30s
    # Try another process if one is gone. What has been sent is sent again only if doing it twice is harmless.
    retries 2
    option redispatch 1
    retry-on conn-failure empty-response
    http-reuse safe
    option httpchk
    http-check send meth GET uri /health/ready
    default-server check inter 2s fall 2 rise 1 pool-purge-delay {KEEP_ALIVE_SECONDS}s
"""

_USER = f"""\
# The user, as the access token names them: hst_<localpart>_<random>_<checksum>. Any other token stands for itself.
http-request set-var(txn.hs_token) http_auth_bearer
http-request set-var(txn.hs_token) url_param(access_token) unless {{ var(txn.hs_token) -m len ge 1 }}
http-request set-var(txn.hs_user) 'var(txn.hs_token),regsub("^{TOKEN}$","\\1")' if {{ var(txn.hs_token) -m len ge 1 }}
"""

_ORIGIN = f"""\
# The server that signed a request. It is not proven here, and need not be: it only decides which process will check.
acl hs_signed req.fhdr(authorization) -m reg -i '{ORIGIN}'
http-request set-var(txn.hs_origin) 'req.fhdr(authorization),regsub("{ORIGIN}.*$","\\1",i)' if hs_signed
http-request set-var(txn.hs_origin) src unless hs_signed
"""


def render(plan: Plan) -> str:
    """A whole haproxy.cfg."""
    frontend = "frontend hs\n" + indented("\n".join([_binds(plan), _requests(plan), *_keys(plan), _choice(plan)]))
    return "\n".join([heading("haproxy", plan.notes), _MAIN, frontend, *map(_backend, plan.upstreams), _REFUSED])


def _binds(plan: Plan) -> str:
    """HAProxy wants certificate and key in one file, or the key beside the certificate as FILE.key."""
    front = plan.front
    tls, comment = "", ""
    if front.tls:
        certificate = front.certificate_or_certbots
        tls = f" ssl crt '{certificate}' alpn h2,http/1.1"
        comment = f"# The key ({front.key_or_certbots}) must be in the same file, or be found as {certificate}.key.\n"
    if front.bind is not None:
        return comment + "".join(f"bind {front.bind}:{port}{tls}\n" for port in front.ports)
    return comment + "".join(f"bind :::{port} v4v6{tls}\n" for port in front.ports)


def _requests(plan: Plan) -> str:
    return f"""\
unique-id-format %[uuid()]
http-request set-header X-Request-ID %[unique-id]
option forwardfor
http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
http-request disable-l7-retry unless {{ method GET HEAD PUT DELETE OPTIONS }}
# The largest upload (media.max_upload_size).
http-request return status 413 {_ANSWER} string '{TOO_LARGE}' if {{ req.body_size gt {plan.max_body} }}
"""


def _keys(plan: Plan) -> Iterator[str]:
    if plan.uses(By.USER):
        yield _USER
    if plan.uses(By.ROOM):
        yield "# The room, decoded: clients spell one ID in several ways.\n" + "".join(map(_room, plan.room_paths))
    if plan.uses(By.ORIGIN):
        yield _ORIGIN


def _room(path: str) -> str:
    value = f'\'path,regsub("{path}.*$","\\1"),url_dec\''
    return f"http-request set-var(txn.hs_room) {value} if {{ path -m reg '{path}' }}\n"


def _choice(plan: Plan) -> str:
    """The access lists of each rule, then what follows from it."""
    lines = ["# Which processes answer."]
    for number, rule in enumerate(plan.rules, 1):
        lines += [f"acl hs_rule_{number} path -m reg '{pattern}'" for pattern in rule.patterns]
    parameters = {rule.target.parameter for rule in plan.rules if rule.target.parameter is not None}
    lines += [f"acl hs_has_{each} url_param({each}) -m len ge 1" for each in sorted(parameters)]
    conditions = [(rule, f"hs_rule_{number}{_methods(rule)}") for number, rule in enumerate(plan.rules, 1)]
    lines += [_chosen(rule, condition) for rule, condition in conditions]
    if plan.otherwise.upstream is not None:
        lines.append(f"default_backend {plan.otherwise.upstream.name}")
    return "\n".join(lines) + "\n"


def _methods(rule: Rule) -> str:
    return f" {{ method {' '.join(rule.methods)} }}" if rule.methods else ""


def _chosen(rule: Rule, condition: str) -> str:
    target = rule.target
    if target.upstream is None:
        return f"use_backend hs_refused if {condition}"
    usual = f"use_backend {target.upstream.name} if {condition}"
    if target.apart is None:
        return usual
    return f"use_backend {target.apart.name} if {condition} !hs_has_{target.parameter}\n{usual}"


def _backend(upstream: Upstream) -> str:
    lines = []
    if upstream.affinity in _VARIABLES:
        lines += [f"balance hash var({_VARIABLES[upstream.affinity]})", "hash-type consistent"]
    else:
        lines += ["balance roundrobin"]
    lines += [f"server {_NOT_IN_NAMES.sub('_', each.name)} {_address(each)}" for each in upstream.addresses]
    return f"backend {upstream.name}\n" + indented("".join(f"{line}\n" for line in lines))


def _address(address: Address) -> str:
    return f"'unix@{address.socket}'" if address.socket is not None else f"{address.authority}"


_REFUSED = f"""\
backend hs_refused
    http-request return status 404 {_ANSWER} string '{NOT_FOUND}'
"""
