"""The plan in the words of nginx (1.15.3 or newer): maps find the upstream, one location passes requests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hs_core.plugin.declaration import By
from hs_core.proxy_config.deployment import Address
from hs_core.proxy_config.plan import Plan, Rule, Target
from hs_core.proxy_config.text import (
    CONNECT_SECONDS,
    ERRORS,
    KEEP_ALIVE_SECONDS,
    ORIGIN,
    READ_SECONDS,
    TOKEN,
    heading,
    indented,
)
from hs_core.proxy_config.upstreams import Upstream

_KEYS = {By.USER: "$hs_user", By.ROOM: "$hs_room", By.ORIGIN: "$hs_origin"}

_MAIN = """\
worker_processes auto;
worker_rlimit_nofile 65536;

events {
    worker_connections 16384;
}
"""

_LOG = """\
# Without the query, which may hold an access token.
log_format hs '$remote_addr [$time_iso8601] "$request_method $uri" $status $body_bytes_sent $request_time '
              '$upstream_addr $request_id';
"""

_PATH = """\
# The path as it came: nginx decodes $uri, and an encoded slash must stay within its segment.
map $request_uri $hs_path {
    "~^(?<hs_raw_path>[^?]*)" $hs_raw_path;
}
"""

_USER = f"""\
# The user, as the access token names them: hst_<localpart>_<random>_<checksum>. Any other token stands for itself.
map $arg_access_token $hs_user_of_query {{
    default $arg_access_token;
    "~^{TOKEN.replace("(", "(?<hs_query_user>", 1)}$" $hs_query_user;
}}
map $http_authorization $hs_user {{
    default "";
    "" $hs_user_of_query;
    "~*^Bearer +{TOKEN.replace("(", "(?<hs_header_user>", 1)}$" $hs_header_user;
    "~*^Bearer +(?<hs_header_token>.+)$" $hs_header_token;
}}
"""

_ORIGIN = f"""\
# The server that signed a request. It is not proven here, and need not be: it only decides which process will check.
map $http_authorization $hs_origin {{
    default $remote_addr;
    "~*{ORIGIN.replace("(", "(?<hs_signer>", 1)}" $hs_signer;
}}
"""


def render(plan: Plan, *, site: bool = False) -> str:
    """A whole nginx.conf, or with `site` what belongs in `http { }` of one that serves other sites, too."""
    blocks = [_LOG, *_maps(plan), *map(_upstream, plan.upstreams), _server(plan)]
    title = heading("nginx", plan.notes)
    if site:
        return "\n".join([title, *blocks])
    return "\n".join([title, _MAIN, "http {\n" + indented("\n".join(blocks)) + "}\n"])


def _maps(plan: Plan) -> Iterator[str]:
    yield _PATH
    if plan.uses(By.USER):
        yield _USER
    if plan.uses(By.ROOM):
        lines = [f'"~{path}" $1;' for path in plan.room_paths]
        yield "# The room, decoded: clients spell one ID in several ways.\n" + _map("$uri", "$hs_room", lines)
    if plan.uses(By.ORIGIN):
        yield _ORIGIN
    yield from _splits(plan)
    lines = [line for rule in plan.rules for line in _rule(rule)]
    yield "# Which processes answer. Nothing: it is not for the public.\n" + _map(
        '"$hs_path $request_method"', "$hs_upstream", [f"default {_target(plan.otherwise)};", *lines]
    )


def _splits(plan: Plan) -> Iterator[str]:
    """Requests that are told apart by a query parameter get a variable of their own."""
    split = dict.fromkeys(rule.target for rule in plan.rules if rule.target.apart is not None)
    for target in split:
        if target.upstream is not None and target.apart is not None:
            lines = [f"default {target.upstream.name};", f'"" {target.apart.name};']
            yield _map(f"$arg_{target.parameter}", _target(target), lines)


def _target(target: Target) -> str:
    if target.upstream is None:
        return '""'
    return target.upstream.name if target.apart is None else f"${target.upstream.name}_unless_{target.apart.name}"


def _rule(rule: Rule) -> Iterator[str]:
    methods = f" (?:{'|'.join(rule.methods)})$" if rule.methods else " "
    for pattern in rule.patterns:
        yield f'"~{pattern.removesuffix("$")}{methods}" {_target(rule.target)};'


def _map(source: str, variable: str, lines: Iterable[str]) -> str:
    return f"map {source} {variable} {{\n" + indented("".join(f"{line}\n" for line in lines)) + "}\n"


def _upstream(upstream: Upstream) -> str:
    lines = [f"hash {_KEYS[upstream.affinity]} consistent;"] if upstream.affinity in _KEYS else []
    lines += [f"server {_address(address)} max_fails=3 fail_timeout=5s;" for address in upstream.addresses]
    # Idle connections that are kept: everybody who waits for news is answered at the same moment, and asks again.
    lines += ["keepalive 1024;", f"keepalive_timeout {KEEP_ALIVE_SECONDS}s;"]
    return f"upstream {upstream.name} {{\n" + indented("".join(f"{line}\n" for line in lines)) + "}\n"


def _address(address: Address) -> str:
    return f'"unix:{address.socket}"' if address.socket is not None else address.authority


def _server(plan: Plan) -> str:
    front = plan.front
    hosts = ("", "[::]:") if front.bind is None else (f"{front.bind}:",)
    lines = [f"listen {host}{port}{' ssl http2' if front.tls else ''};" for port in front.ports for host in hosts]
    lines.append(f"server_name {front.host};")
    if front.tls:
        lines += [
            f'ssl_certificate "{front.certificate_or_certbots}";',
            f'ssl_certificate_key "{front.key_or_certbots}";',
            "ssl_protocols TLSv1.2 TLSv1.3;",
            "ssl_session_cache shared:hs:10m;",
        ]
    lines += [
        "access_log /var/log/nginx/hs.log hs;",
        "# The largest upload (media.max_upload_size).",
        f"client_max_body_size {plan.max_body};",
        "",
    ]
    body = "\n".join(lines) + "\n" + _location() + "".join(_error(*error) for error in ERRORS)
    return "server {\n" + indented(body) + "}\n"


def _location() -> str:
    return f"""\
location / {{
    if ($hs_upstream = "") {{
        return 404;
    }}
    proxy_pass http://$hs_upstream;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Request-ID $request_id;
    # A long poll is silent until there is news; large joins take minutes.
    proxy_connect_timeout {CONNECT_SECONDS}s;
    proxy_read_timeout {READ_SECONDS}s;
    proxy_send_timeout {READ_SECONDS}s;
    # Try another process if one is gone. What has been sent is sent again only if doing it twice is harmless.
    proxy_next_upstream error;
    proxy_next_upstream_tries 2;
    # Large downloads go through, not to the disk.
    proxy_max_temp_file_size 0;
}}
"""


def _error(statuses: tuple[int, ...], answered: int, body: str) -> str:
    """The proxy's own answers are JSON that web clients can read, too."""
    name = f"@hs_{answered}"
    return f"""\

error_page {" ".join(map(str, statuses))} = {name};
location {name} {{
    internal;
    default_type application/json;
    add_header Access-Control-Allow-Origin * always;
    return {answered} '{body}';
}}
"""
