"""What can go wrong with a database that its callers can do something about.

Anything else (a misspelt column, say) is a bug and comes out as the driver raised it.
"""


class DatabaseError(Exception):
    """The base of the errors below."""


class DatabaseUnavailable(DatabaseError):
    """The database cannot do it now: connection lost, restarting, disk full, too much contention.

    Of a write it is not known whether it happened. Callers answer 503; a later try may succeed without a restart.
    """


class DatabaseInUse(DatabaseError):
    """Another process has this SQLite file open; only one may."""


class ConstraintViolated(DatabaseError):
    """A unique, foreign key, check or not-null constraint refused a statement. The unit of work is rolled back."""
