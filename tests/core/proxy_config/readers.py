"""Generated texts, read again as the program would, as far as our texts go: which upstream gets a request?"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from hs_core.proxy_config.plan import Plan

Decide = Callable[[str, str], str]
"""Method and target (path and query, as they go over the wire) to the upstream's name, empty if it is refused."""


def by_plan(plan: Plan) -> Decide:
    def decide(method: str, target: str) -> str:
        url = urlsplit(target)
        for rule in plan.rules:
            fits = any(re.search(pattern, url.path) for pattern in rule.patterns)
            if fits and (not rule.methods or method in rule.methods):
                found = rule.target
                break
        else:
            found = plan.otherwise
        if found.apart is not None and not parse_qs(url.query).get(found.parameter or ""):
            return found.apart.name
        return found.upstream.name if found.upstream else ""

    return decide


def by_nginx(text: str) -> Decide:
    choosing = re.search(r'map "\$hs_path \$request_method" \$hs_upstream \{\n(.*?)\n +\}', text, re.S)
    assert choosing is not None
    lines = [line.strip().removesuffix(";") for line in choosing[1].splitlines()]
    splits = {
        match["name"]: match
        for match in re.finditer(
            r'map \$arg_(?P<arg>\w+) (?P<name>\$\w+) \{\s+default (?P<full>\w+);\s+"" (?P<bare>\w+);', text
        )
    }

    def decide(method: str, target: str) -> str:
        url = urlsplit(target)
        found = lines[0].removeprefix("default ")
        for line in lines[1:]:
            pattern, _, value = line.rpartition(" ")
            if re.search(pattern.removeprefix('"~').removesuffix('"'), f"{url.path} {method}"):
                found = value
                break
        if (split := splits.get(found)) is not None:
            found = split["full"] if parse_qs(url.query).get(split["arg"]) else split["bare"]
        return found.strip('"')

    return decide


def by_haproxy(text: str) -> Decide:
    lists = re.findall(r"acl (\w+) path -m reg '(.*)'", text)
    parameters = dict(re.findall(r"acl (\w+) url_param\((\w+)\) -m len ge 1", text))
    choices = re.findall(r"use_backend (\w+) if (\w+)(?: \{ method ([A-Z ]+) \})?(?: !(\w+))?\n", text)
    default = re.search(r"default_backend (\w+)", text)

    def decide(method: str, target: str) -> str:
        url = urlsplit(target)
        true = {name for name, pattern in lists if re.search(pattern, url.path)}
        query = parse_qs(url.query)
        true |= {name for name, parameter in parameters.items() if query.get(parameter)}
        for backend, needed, methods, without in choices:
            if needed in true and (not methods or method in methods.split()) and without not in true:
                return "" if backend == "hs_refused" else str(backend)
        return default[1] if default else ""

    return decide


def by_caddy(text: str) -> Decide:
    handles = re.findall(r"handle (@?\w*) ?\{\n +(.*)", text)
    matchers = dict(re.findall(r"^ +(@hs_rule_\w+) \{\n(.*?)\n        \}", text, re.S | re.M))

    def fits(matcher: str, method: str, target: str) -> bool:
        pattern = re.search(r"vars_regexp \{uri\} `(.*)`", matcher)
        methods = re.search(r"method ([A-Z ]+)", matcher)
        bare = re.search(r'expression `\{query\.(\w+)\} == ""`', matcher)
        return bool(
            (pattern and re.search(pattern[1], target))
            and (not methods or method in methods[1].split())
            and (not bare or not parse_qs(urlsplit(target).query).get(bare[1]))
        )

    def decide(method: str, target: str) -> str:
        for name, action in handles:
            if not name or fits(matchers[name], method, target):
                return action.removeprefix("import ") if action.startswith("import ") else ""
        raise AssertionError("the last handle is for everything")

    return decide
