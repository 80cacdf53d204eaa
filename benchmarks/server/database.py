"""What the server asks of its database, by its own account: the metrics of its processes, if it is `hs`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.request import urlopen

_WANTED: Final = {
    'hs_database_work_total{kind="read"}': "reads",
    'hs_database_work_total{kind="write"}': "writes",
    "hs_database_statements_total": "statements",
    "hs_database_round_trips_total": "round trips",
}
_LINE: Final = re.compile(r"^(\S+) (\S+)$", re.MULTILINE)


class Databases:
    """The counters of all processes of a server. `urls` are those of listeners with the resource `metrics`."""

    def __init__(self, urls: Sequence[str] = ()) -> None:
        self._urls = [f"{url.rstrip('/')}/metrics" for url in urls]

    def counts(self) -> dict[str, float]:
        """Transactions that read, transactions that write, statements and round trips so far; empty without `urls`.

        Blocks: it is asked for between measurements, when nothing else happens.
        """
        total = dict.fromkeys(_WANTED.values(), 0.0) if self._urls else {}
        for url in self._urls:
            with urlopen(url) as response:
                for name, value in _LINE.findall(response.read().decode()):
                    if name in _WANTED:
                        total[_WANTED[name]] += float(value)
        return total
