"""The push rules role: what users want to be notified of."""

from __future__ import annotations

from hs_core.plugin import By, Handler, Migrations, Offer, Plugin, RateClass, Route
from hs_core.plugin.paths import CLIENT
from hs_plugins.push_rules import handlers
from hs_plugins.push_rules.api import PUSH_RULE_CHANGES, PUSH_RULES, PUSH_RULES_READ
from hs_plugins.push_rules.hooks import PushRulesHooks
from hs_plugins.push_rules.reading import open_push_rules
from hs_plugins.push_rules.section import SECTION
from hs_plugins.push_rules.service import start

ALL = CLIENT + "/pushrules"
RULE = ALL + "/global/(?P<kind>[^/]+)/(?P<rule_id>[^/]+)"


def _read(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, affinity=By.USER)


def _write(method: str, path: str, handler: Handler) -> Route:
    return Route(method, path, handler, affinity=By.USER, rate=RateClass.MESSAGE)


plugin = Plugin(
    name="push_rules",
    requires=["login"],
    routes=[
        _read(ALL + "/", handlers.get_all),
        _read(ALL + "/global/", handlers.get_global),
        _read(ALL + "/global/(?P<kind>[^/]+)/", handlers.get_kind),
        _read(RULE, handlers.get_rule),
        _read(RULE + "/enabled", handlers.get_enabled),
        _read(RULE + "/actions", handlers.get_actions),
        _write("PUT", RULE, handlers.put_rule),
        _write("PUT", RULE + "/enabled", handlers.put_enabled),
        _write("PUT", RULE + "/actions", handlers.put_actions),
        _write("DELETE", RULE, handlers.delete_rule),
        _read(ALL + "/(?P<rest>.*)", handlers.refuse),
        *(_write(method, ALL + "/(?P<rest>.*)", handlers.refuse) for method in ("PUT", "DELETE")),
    ],
    writes=[PUSH_RULE_CHANGES],
    serves=[PUSH_RULES],
    offers=[Offer(PUSH_RULES_READ, open_push_rules, reads=[PUSH_RULE_CHANGES.name])],
    sections=[SECTION],
    hooks=PushRulesHooks.make,
    start=start,
    migrations=Migrations("hs_plugins.push_rules"),
)
