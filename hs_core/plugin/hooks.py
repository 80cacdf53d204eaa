"""The awaiting caller over pluggy's registry: pluggy neither awaits nor goes on after an exception."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from inspect import iscoroutinefunction, signature
from operator import itemgetter
from typing import Any, ParamSpec, TypeVar, cast

import pluggy
import structlog

from hs_core.db.errors import DatabaseUnavailable
from hs_core.metrics import HOOK_FAILURES
from hs_core.plugin.hookspecs import HOOKS, PROJECT, AnswerHook, Hook, NoticeHook, Refusal, RefusalHook, hookspec

P = ParamSpec("P")
T = TypeVar("T")
Pick = Callable[[tuple[Any, ...]], tuple[Any, ...]]
Implementation = tuple[str, Callable[..., Awaitable[Any]], Pick]

log = structlog.get_logger(__name__)


class BadHooks(ValueError):
    """A plugin implements a hook that does not exist, or with parameters that the hook does not have."""


class Hooks:
    """`await hooks.refusal(check_event, draft, room)` asks every plugin that takes part."""

    def __init__(self, hooks: Iterable[Hook] = HOOKS) -> None:
        functions = {hook.function.__name__: hook.function for hook in hooks}
        self._registry = pluggy.PluginManager(PROJECT)
        self._registry.add_hookspecs(type("hookspecs", (), {name: hookspec(each) for name, each in functions.items()}))
        self._parameters = {name: tuple(signature(function).parameters) for name, function in functions.items()}
        self._implementations: dict[str, list[Implementation]] = {name: [] for name in functions}

    def register(self, plugin: str, implementations: object) -> None:
        """Let the `@hookimpl` methods of `implementations` take part, in the name of `plugin`. Raises BadHooks."""
        try:
            self._registry.register(implementations, plugin)
            self._registry.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise BadHooks(f"the plugin {plugin!r} has a hook that cannot work: {_first_line(error)}") from error
        for caller in self._registry.get_hookcallers(implementations) or ():
            if not iscoroutinefunction(getattr(implementations, caller.name)):
                raise BadHooks(f"the plugin {plugin!r} has a hook that cannot work: {caller.name} is not async")
        for name in self._implementations:
            self._implementations[name] = list(_in_turn(getattr(self._registry.hook, name), self._parameters[name]))

    async def refusal(self, hook: RefusalHook[P], *args: P.args, **kwargs: P.kwargs) -> Refusal | None:
        """The first refusal. Fails closed: a plugin that raises has refused, and the log says which.

        Raises DatabaseUnavailable if a plugin does: it is no refusal, and whoever asks may try again.
        """
        for plugin, function, pick in self._implementations[hook.function.__name__]:
            try:
                refusal = await function(*pick(self._in_order(hook, args, kwargs)))
                if refusal is not None and not isinstance(refusal, Refusal):
                    raise TypeError(f"neither a Refusal nor None: {refusal!r}")
            except DatabaseUnavailable:
                raise
            except Exception:
                _failed("hook failed, taken as a refusal", hook, plugin)
                return Refusal("This could not be checked, and so it was not done")
            if refusal is not None:
                return refusal
        return None

    async def first(self, hook: AnswerHook[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The answer of the first plugin that knows. One that raises does not know, and the log says which.

        Raises DatabaseUnavailable if a plugin does: a token, say, is not unknown because nobody can look it up.
        """
        for plugin, function, pick in self._implementations[hook.function.__name__]:
            try:
                answer = await function(*pick(self._in_order(hook, args, kwargs)))
            except DatabaseUnavailable:
                raise
            except Exception:
                _failed("hook failed, others are asked", hook, plugin)
                continue
            if answer is not None:
                return cast(T, answer)
        return None

    async def notify(self, hook: NoticeHook[P], *args: P.args, **kwargs: P.kwargs) -> None:
        """Tell everybody. Fails open: a plugin that raises is named in the log, and the rest still hear of it."""
        for plugin, function, pick in self._implementations[hook.function.__name__]:
            try:
                await function(*pick(self._in_order(hook, args, kwargs)))
            except Exception:
                _failed("hook failed", hook, plugin)

    def _in_order(self, hook: Hook, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments in the order of the hook's parameters."""
        if not kwargs:
            return args
        names = self._parameters[hook.function.__name__]
        return (*args, *(kwargs[name] for name in names[len(args) :]))


def _in_turn(caller: pluggy.HookCaller, parameters: Sequence[str]) -> Iterator[Implementation]:
    """pluggy keeps them in the opposite of the order in which they are called."""
    for implementation in reversed(caller.get_hookimpls()):
        function = cast(Callable[..., Awaitable[Any]], implementation.function)
        yield (
            implementation.plugin_name,
            function,
            _picker([parameters.index(name) for name in implementation.argnames]),
        )


def _picker(places: Sequence[int]) -> Pick:
    """Takes those of a hook's arguments that an implementation declares; some hooks run with each request."""
    if not places:
        return lambda arguments: ()
    if len(places) == 1:
        return itemgetter(slice(places[0], places[0] + 1))
    return itemgetter(*places)


def _failed(event: str, hook: Hook, plugin: str) -> None:
    """To be called while the exception is being handled."""
    HOOK_FAILURES.labels(hook.function.__name__, plugin).inc()
    log.exception(event, hook=hook.function.__name__, plugin=plugin)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[:3])
