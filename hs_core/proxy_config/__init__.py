"""A reverse proxy's configuration, made from what plugins declare and where processes listen.

`make_plan` decides, for any proxy, which requests go where; `nginx`, `haproxy` and `caddy` write that down in the words
of one. All of it is an optimisation: every process answers every request, by passing it on if need be.
"""

from hs_core.proxy_config.deployment import NothingToProxy
from hs_core.proxy_config.plan import Plan, make_plan

__all__ = ["NothingToProxy", "Plan", "make_plan"]
