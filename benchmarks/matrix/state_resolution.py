"""Merging two branches of a room. Rooms are drawn when they are first resolved, which takes seconds."""

from collections.abc import Callable
from functools import cache

from benchmarks.harness import Measurement
from hs_core.matrix.event import Event, StateMap
from hs_core.matrix.identifiers import UserId
from hs_core.matrix.room_version import V1, V11, V12, RoomVersion
from hs_core.testing.room_dag import RoomDag

ALICE = UserId("@alice:example.org")
MODERATORS = [UserId(f"@moderator{n}:example.org") for n in range(2)]


def member(number: int) -> UserId:
    return UserId(f"@member{number}:example.org")


@cache
def forked_room(version: RoomVersion, members: int, conflicts: int) -> tuple[RoomDag, tuple[StateMap, StateMap]]:
    """A room of so many members, and its states after two branches that disagree in so many keys."""
    room = RoomDag(version, ALICE)
    for moderator in MODERATORS:
        room.join(moderator)
    start = room.power(dict.fromkeys(MODERATORS, 50))
    for number in range(members):
        start = room.join(member(number), after=start)
    tips = tuple(branch(room, moderator, start, conflicts) for moderator in MODERATORS)
    return room, (room.state_after(tips[0]), room.state_after(tips[1]))


def branch(room: RoomDag, moderator: UserId, tip: Event, conflicts: int) -> Event:
    """A moderator works alone: a topic, power for somebody, and then bans, kicks and changes of names in turn."""
    tip = room.topic(f"{moderator} was here", by=moderator, after=tip)
    tip = room.power({member(0): 10}, by=moderator, after=tip)
    for number in range(conflicts - 2):
        match number % 3:
            case 0:
                tip = room.profile(member(number), f"a name that {moderator} saw", after=tip)
            case 1:
                tip = room.kick(member(number), by=moderator, after=tip)
            case _:
                tip = room.ban(member(number), by=moderator, after=tip)
    return tip


def resolving(version: RoomVersion, members: int, conflicts: int) -> Callable[[], StateMap]:
    def resolve() -> StateMap:
        room, states = forked_room(version, members, conflicts)
        return room.resolve_states(*states)

    return resolve


def measurements() -> list[Measurement]:
    sizes = [(10_000, 50, 250_000.0), (1_000, 5, 15_000.0)]
    return [
        Measurement(
            f"{version.state_resolution.value}: {members} members, {conflicts} conflicts",
            resolving(version, members, conflicts),
            target,
        )
        for members, conflicts, target in sizes
        for version in (V1, V11, V12)
    ]
