"""What a function computes by, as text: so that another function is seen to be another one.

Serves `things`. The text is the function's own source and that of what it uses of its file:
functions that it calls and constants that it reads. Nothing of it is executed.
"""

import ast
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
    """Return a hash (80 bits of SHA-256) of a function's source text and what it uses of its file.

    Args:
        function: The function.
        of: What it belongs to, for the error.

    Raises:
        DefinitionError: Its source text is not to be had.
    """
    texts: dict[CodeType, str] = {}
    try:
        _gather(function, texts)
    except (OSError, TypeError, SyntaxError) as error:
        raise DefinitionError(
            f"The function of {of} has no source text",
            why="It was not defined in a file, so nobody could say later what it was",
            fix="Write it with def in the definitions file",
        ) from error
    return hashlib.sha256("\n".join(sorted(texts.values())).encode()).hexdigest()[:20]


def _gather(function: Callable[..., Any], texts: dict[CodeType, str]) -> None:
    """Add the text of a function and of what it uses, each once."""
    function = inspect.unwrap(function)
    if not isinstance(function, FunctionType):
        raise TypeError(f"{function!r} is no function")
    if (code := function.__code__) in texts:
        return
    texts[code] = _text(function)
    bound = dict(inspect.getclosurevars(function).nonlocals)
    for used in sorted(_names(code)):
        value = bound.get(used, function.__globals__.get(used))
        if isinstance(value, FunctionType) and value.__globals__ is function.__globals__:
            _gather(value, texts)
        elif (written := _written(value)) and (used in bound or used in function.__globals__):
            texts[code] += f"\n{used} = {written}"


def _text(function: FunctionType) -> str:
    """Return the source text of a function; of a lambda that of all lambdas of its line."""
    if function.__name__ != "<lambda>":
        return textwrap.dedent(inspect.getsource(function)).strip()
    file = "".join(inspect.findsource(function)[0])
    found = [
        ast.get_source_segment(file, node) or ""
        for node in ast.walk(ast.parse(file))
        if isinstance(node, ast.Lambda) and node.lineno == function.__code__.co_firstlineno
    ]
    if not found:
        raise OSError("there is no lambda in that line")
    return "\n".join(found)


def _names(code: CodeType) -> set[str]:
    """Return the names that code uses, and code inside it."""
    found = {*code.co_names, *code.co_freevars}
    for part in code.co_consts:
        if isinstance(part, CodeType):
            found |= _names(part)
    return found


def _written(value: object) -> str:
    """Write a constant alike in every process; empty for what is none."""
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_written(part) for part in value]
        is_set = isinstance(value, set | frozenset)
        return f"[{', '.join(sorted(parts) if is_set else parts)}]" if all(parts) else ""
    if isinstance(value, dict):
        pairs = [(_written(k), _written(v)) for k, v in value.items()]
        return str(sorted(pairs)) if all(k and v for k, v in pairs) else ""
    return repr(value) if isinstance(value, _PLAIN) else ""
