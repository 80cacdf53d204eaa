"""How batches reach the followers. A bus may lose, repeat, delay and reorder them; followers repair that."""

from collections.abc import Callable
from typing import Any, Protocol

from hs_core.streams.batch import Batch

Receiver = Callable[[Batch[Any]], None]


class Bus(Protocol):
    """Carries batches to every process that follows their stream, this one included."""

    def publish(self, batch: Batch[Any]) -> None:
        """Send a committed batch. Returns at once."""

    def subscribe(self, stream: str, receive: Receiver) -> None:
        """Have `receive` called, on the event loop, for what arrives from now on."""


class MemoryBus:
    """The bus of a deployment of one process: a list of receivers for each stream."""

    def __init__(self) -> None:
        self._receivers: dict[str, list[Receiver]] = {}

    def publish(self, batch: Batch[Any]) -> None:
        for receive in self._receivers.get(batch.stream, ()):
            receive(batch)

    def subscribe(self, stream: str, receive: Receiver) -> None:
        self._receivers.setdefault(stream, []).append(receive)
