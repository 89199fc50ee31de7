"""What a function computes by, as text: so that another function is seen to be another one.

Serves `things`. The text is the function's own source and that of what it uses of its file:
functions that it calls and constants that it reads. Nothing of it is executed.
"""

import hashlib
import inspect
import textwrap
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

from dovetail.features.errors import DefinitionError

__all__ = ["function_hash"]

_PLAIN = (bool, int, float, str, bytes, type(None))


def function_hash(function: Callable[..., Any], *, of: str) -> str:
    """Return the SHA-256 of a function's source text and of what it uses of its file.

    Args:
        function: The function.
        of: What it belongs to, for the error.

    Raises:
        DefinitionError: Its source text is not to be had.
    """
    texts: dict[str, str] = {}
    try:
        _gather(function, texts)
    except (OSError, TypeError) as error:
        raise DefinitionError(
            f"The function of {of} has no source text",
            why="It was not defined in a file, so nobody could say later what it was",
            fix="Write it with def in the definitions file or in a module beside it",
        ) from error
    whole = "\n".join(f"{name}\n{text}" for name, text in sorted(texts.items()))
    return hashlib.sha256(whole.encode()).hexdigest()


def _gather(function: Callable[..., Any], texts: dict[str, str]) -> None:
    """Add the text of a function and of what it uses, each once."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    if name in texts:
        return
    texts[name] = textwrap.dedent(inspect.getsource(function)).strip()
    if not isinstance(function, FunctionType):
        return
    held = function.__globals__
    bound = dict(inspect.getclosurevars(function).nonlocals)
    for used in sorted(_names(function.__code__)):
        value = bound.get(used, held.get(used))
        if isinstance(value, FunctionType) and value.__globals__ is held:
            _gather(value, texts)
        elif used in held | bound and _is_constant(value):
            texts[f"{name} uses {used}"] = repr(value)


def _names(code: CodeType) -> set[str]:
    """Return the names that code uses, and code inside it."""
    found = {*code.co_names, *code.co_freevars}
    for part in code.co_consts:
        if isinstance(part, CodeType):
            found |= _names(part)
    return found


def _is_constant(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_is_constant(part) for part in value)
    if isinstance(value, dict):
        return all(_is_constant(part) for pair in value.items() for part in pair)
    return isinstance(value, _PLAIN)
