"""How batches reach the followers. A bus may lose, repeat, delay and reorder them; followers repair that."""

from typing import Any, Protocol

from hs_core.streams.batch import Batch


class Receiver(Protocol):
    """Where a bus delivers what it brings of one stream, on the event loop."""

    def receive(self, batch: Batch[Any]) -> None:
        """A committed batch: early, late, repeated or just right."""

    def look(self) -> None:
        """Something may have been missed; the database knows."""


class Bus(Protocol):
    """Carries batches to every process that follows their stream, this one included.

    A batch that is lost on the way is made up for by a `look`, sooner or later, wherever it was lost. The batches that
    this process publishes reach its own receivers at once.
    """

    def publish(self, batch: Batch[Any]) -> None:
        """Send a committed batch. Returns at once."""

    def doubt(self, stream: str) -> None:
        """Have all who follow a stream look, for something may have been committed that was not published."""

    def subscribe(self, stream: str, receiver: Receiver) -> None:
        """Deliver what arrives from now on. A bus that runs already may take a moment, and then asks to look."""

    async def carried(self) -> None:
        """Return when all that was published until now is in the sockets of the other processes, or will not be.

        Whoever waits for this before an answer can be sure that the next request, wherever it goes, finds its
        caches told of what was done, if it is only `heard` there, but for faults.
        """

    async def heard(self) -> None:
        """Return when what had reached this process before is delivered to its receivers."""


class MemoryBus:
    """The bus of a deployment of one process: a list of receivers for each stream."""

    def __init__(self) -> None:
        self._receivers: dict[str, list[Receiver]] = {}

    @property
    def streams(self) -> list[str]:
        """The streams that somebody here has subscribed to."""
        return list(self._receivers)

    def publish(self, batch: Batch[Any]) -> None:
        for receiver in self._receivers.get(batch.stream, ()):
            receiver.receive(batch)

    def doubt(self, stream: str) -> None:
        for receiver in self._receivers.get(stream, ()):
            receiver.look()

    def subscribe(self, stream: str, receiver: Receiver) -> None:
        self._receivers.setdefault(stream, []).append(receiver)

    async def carried(self) -> None:
        """There are no other processes."""

    async def heard(self) -> None:
        """What is published is delivered at once."""
