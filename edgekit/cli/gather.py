"""Several options that reach a command as one argument."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def gather(argument: str, make: Callable[..., object], options: Sequence[Decorator]) -> Decorator:
    """A decorator that adds ``options`` to a command, in their order.

    Args:
        argument: of the command, which gets what ``make`` returns.
        make: called with the options' values; its parameters are called as they are.
        options: of click.
    """
    names = tuple(inspect.signature(make).parameters)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def gathered(**given: Any) -> Any:
            made = make(**{name: given.pop(name) for name in names})
            return command(**given, **{argument: made})

        decorated: Callable[..., Any] = gathered
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate
