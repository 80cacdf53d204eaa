"""Hooks: who is asked, in which order, and what a failure means."""

import pytest
import structlog
from structlog.testing import capture_logs

from hs_core.db import DatabaseUnavailable
from hs_core.matrix.identifiers import DeviceId, RoomId, UserId
from hs_core.metrics import HOOK_FAILURES
from hs_core.plugin.hooks import BadHooks, Hooks
from hs_core.plugin.hookspecs import HOOKS, Refusal, check_invite, check_password, device_deleted, hookimpl

ALICE, BOB, ROOM = UserId("@alice:example.org"), UserId("@bob:example.org"), RoomId("!room:example.org")


class Lenient:
    """Lets anybody invite."""

    @hookimpl
    async def check_invite(self, sender: UserId) -> Refusal | None:
        return None


class Strict:
    """Lets nobody invite Bob, and knows one password."""

    def __init__(self, message: str = "Bob is busy") -> None:
        self.message = message

    @hookimpl
    async def check_invite(self, room_id: RoomId, invited: UserId) -> Refusal | None:
        return Refusal(self.message) if (invited, room_id) == (BOB, ROOM) else None

    @hookimpl
    async def check_password(self, user: UserId, password: str) -> bool | None:
        return password == "sesame" if user == ALICE else None


class Broken:
    """Fails whenever it is asked."""

    @hookimpl(tryfirst=True)
    async def check_invite(self) -> Refusal | None:
        raise RuntimeError("no connection")

    @hookimpl(tryfirst=True)
    async def check_password(self) -> bool | None:
        raise RuntimeError("no connection")

    @hookimpl(tryfirst=True)
    async def device_deleted(self) -> None:
        raise RuntimeError("no connection")


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.gone: list[DeviceId] = []

    @hookimpl
    async def device_deleted(self, device: DeviceId) -> None:
        self.gone.append(device)


def hooks(**plugins: object) -> Hooks:
    registry = Hooks()
    for name, implementations in plugins.items():
        registry.register(name, implementations)
    return registry


async def test_without_plugins_nothing_is_refused_or_known() -> None:
    assert await hooks().refusal(check_invite, ALICE, BOB, ROOM) is None
    assert await hooks().first(check_password, ALICE, "sesame") is None


async def test_one_refusal_is_enough() -> None:
    asked = hooks(lenient=Lenient(), strict=Strict())

    assert await asked.refusal(check_invite, sender=ALICE, invited=BOB, room_id=ROOM) == Refusal("Bob is busy")
    assert await asked.refusal(check_invite, sender=BOB, invited=ALICE, room_id=ROOM) is None


async def test_an_implementation_can_ask_to_come_first() -> None:
    class First(Strict):
        @hookimpl(tryfirst=True)
        async def check_invite(self, room_id: RoomId, invited: UserId) -> Refusal | None:
            return Refusal("first")

    for asked in (hooks(a=First(), b=Strict()), hooks(b=Strict(), a=First())):
        assert await asked.refusal(check_invite, ALICE, BOB, ROOM) == Refusal("first")


async def test_a_failing_check_is_a_refusal_that_names_the_plugin_in_the_log() -> None:
    structlog.reset_defaults()
    with capture_logs() as lines:
        refusal = await hooks(lenient=Lenient(), broken=Broken()).refusal(check_invite, ALICE, BOB, ROOM)

    assert refusal is not None
    assert "no connection" not in refusal.message
    assert [(line["plugin"], line["hook"]) for line in lines] == [("broken", "check_invite")]


async def test_who_fails_to_answer_does_not_know() -> None:
    asked = hooks(strict=Strict(), broken=Broken())

    assert await asked.first(check_password, ALICE, "sesame") is True
    assert await asked.first(check_password, ALICE, "wrong") is False
    assert await asked.first(check_password, BOB, "sesame") is None


async def test_a_database_that_is_away_is_neither_a_refusal_nor_an_answer() -> None:
    class Away:
        @hookimpl
        async def check_invite(self) -> Refusal | None:
            raise DatabaseUnavailable("away")

        @hookimpl
        async def check_password(self) -> bool | None:
            raise DatabaseUnavailable("away")

    asked = hooks(away=Away())

    with pytest.raises(DatabaseUnavailable):
        await asked.refusal(check_invite, ALICE, BOB, ROOM)
    with pytest.raises(DatabaseUnavailable):
        await asked.first(check_password, ALICE, "sesame")


async def test_a_failing_listener_keeps_nobody_else_from_hearing() -> None:
    listener = Listener()
    failures = HOOK_FAILURES.labels("device_deleted", "broken")
    before = failures._value.get()

    await hooks(broken=Broken(), listener=listener).notify(device_deleted, ALICE, DeviceId("PHONE"))

    assert listener.gone == ["PHONE"]
    assert failures._value.get() == before + 1


def test_a_hook_that_does_not_exist_is_refused_by_name() -> None:
    class Misspelt:
        @hookimpl
        async def chek_invite(self) -> None: ...

    with pytest.raises(BadHooks, match=r"the plugin 'misspelt' .*chek_invite"):
        hooks(misspelt=Misspelt())


def test_a_parameter_that_the_hook_does_not_have_is_refused() -> None:
    class Curious:
        @hookimpl
        async def check_invite(self, reason: str) -> None: ...

    with pytest.raises(BadHooks, match=r"the plugin 'curious' .*reason"):
        hooks(curious=Curious())


def test_a_hook_that_cannot_be_awaited_is_refused() -> None:
    class Hasty:
        @hookimpl
        def check_invite(self) -> None: ...

    with pytest.raises(BadHooks, match=r"the plugin 'hasty' .*check_invite is not async"):
        hooks(hasty=Hasty())


async def test_an_answer_that_is_no_refusal_is_taken_as_one() -> None:
    class Vague:
        @hookimpl
        async def check_invite(self) -> bool:
            return False

    refusal = await hooks(vague=Vague()).refusal(check_invite, ALICE, BOB, ROOM)

    assert isinstance(refusal, Refusal)


def test_every_hook_says_when_it_is_called() -> None:
    assert {hook.function.__name__ for hook in HOOKS} >= {"check_event", "check_registration", "user_deactivated"}
    assert all(hook.function.__doc__ for hook in HOOKS)
