"""Why a request to elsewhere has no answer that can be used.

Messages say where a request went, never its path, query or headers: those of a push gateway or an application service
are secrets.
"""


class OutboundError(Exception):
    """There is no answer. `destination` is a scheme, host and port."""

    def __init__(self, destination: str, reason: str) -> None:
        super().__init__(f"{destination}: {reason}")
        self.destination = destination
        self.reason = reason


class UnusableUrl(OutboundError):
    """Nothing can be asked there: not a URL of HTTP, or no host. To try again is of no use."""


class AddressRefused(OutboundError):
    """The host is, or its name leads to, an address of a private or special range. Nothing was sent."""


class Unanswered(OutboundError):
    """No whole answer in time: no such host, no connection, a bad certificate, nonsense, silence."""


class AnswerTooLarge(OutboundError):
    """The answer has more bytes than were asked for, or more redirects."""
