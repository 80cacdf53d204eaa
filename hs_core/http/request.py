"""A request as handlers see it."""


class Request:
    """One HTTP request."""
