"""Requests to elsewhere that are not federation: to push gateways, application services, pages that users name.

A plugin opens its way out in `start`, with `async with core.outbound() as outbound`. What the settings `outbound` say
holds for every connection: addresses of private networks are refused whoever names them, a URL, a redirect or a name
server. Time, size and connections are bounded, no proxy is taken from the environment, and neither errors nor logs
tell more of a URL than where it goes.
"""

from hs_core.outbound.client import Answer, Bounds, Incoming, Outbound
from hs_core.outbound.errors import AddressRefused, AnswerTooLarge, OutboundError, Unanswered, UnusableUrl

__all__ = [
    "AddressRefused",
    "Answer",
    "AnswerTooLarge",
    "Bounds",
    "Incoming",
    "Outbound",
    "OutboundError",
    "Unanswered",
    "UnusableUrl",
]
