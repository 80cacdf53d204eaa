"""Hooks: every kind of them, and each with its signature and its moment."""

import inspect

import msgspec

from docs.generate.declarations import struct_table
from docs.generate.markdown import paragraphs
from docs.generate.source import summary
from hs_core.plugin import hookspecs
from hs_core.plugin.hookspecs import HOOKS, AnswerHook, Hook, NoticeHook, RefusalHook

KINDS = {
    RefusalHook: (
        "Hooks that ask for permission",
        "The first refusal decides. An implementation that raises has refused.",
    ),
    AnswerHook: ("Hooks that ask who knows", "One after the other is asked until one knows."),
    NoticeHook: (
        "Hooks that tell what has happened",
        "Everybody is told; nobody's failure keeps others from hearing it.",
    ),
}


def hooks_of(kind: type) -> list[Hook]:
    """Those of a kind, in the order of their definition."""
    return [hook for hook in HOOKS if isinstance(hook, kind)]


def name_of(hook: Hook) -> str:
    return hook.function.__name__


def hook_page(hook: Hook) -> str:
    """One hook."""
    signature = inspect.signature(hook.function)
    parameters = ", ".join(f"{name}: {parameter.annotation}" for name, parameter in signature.parameters.items())
    definition = f"async def {name_of(hook)}({parameters}) -> {signature.return_annotation}: ..."
    return paragraphs(f"```python\n{definition}\n```", inspect.getdoc(hook.function) or "")


def values() -> dict[str, str]:
    """What hooks are given and answer with, by name."""
    return {
        name: paragraphs(summary(value), struct_table(value))
        for name, value in vars(hookspecs).items()
        if inspect.isclass(value) and value.__module__ == hookspecs.__name__ and issubclass(value, msgspec.Struct)
    }
