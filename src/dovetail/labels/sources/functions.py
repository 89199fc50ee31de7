"""Labelling functions in Python: short rules that say a class or nothing.

The file is the operator's: it is named in `dovetail.toml` or on the command line, and runs with all
rights of the server. None is ever taken over the network.
"""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dovetail.labels.sources.seam import Question, Said, SourceError, Task, said_labels

__all__ = ["Function", "load"]


class Function:
    """One function as a source.

    Args:
        name: Of the function.
        call: Takes a task's data, a dict, and returns a class, or None to abstain.
    """

    kind = "function"

    def __init__(self, name: str, call: Callable[[dict[str, Any]], Any]) -> None:
        self.name, self._call = name, call

    def answer(self, tasks: Sequence[Task], question: Question) -> list[Said | None]:
        """Answer tasks; one that the function fails on is abstained from.

        Raises:
            SourceError: it fails on every task, or says what is no class.
        """
        said: list[tuple[Any, Any]] = []
        failed: Exception | None = None
        failures = 0
        for task in tasks:
            try:
                label = self._call(dict(task.data))
            except Exception as error:  # a rule for one kind of item fails on another
                failed, label = error, None
                failures += 1
            said.append((label, None))
        if failed is not None and failures == len(tasks):
            raise SourceError(
                f"the labelling function {self.name!r} failed on all of {len(tasks)} tasks",
                why=f"{type(failed).__name__}: {failed}",
                fix="correct the function, or let it return None for what it does not know",
            ) from failed
        return said_labels(said, question, self.name)

    def close(self) -> None:
        """Nothing is open."""


def load(path: Path) -> dict[str, Function]:
    """Run a file of labelling functions and return them by name.

    Every public function that the file itself defines and that takes one argument is one.

    Args:
        path: Of a Python file that the operator trusts.

    Raises:
        SourceError: the file is missing, fails, or has no such function.
    """
    if not path.is_file():
        raise SourceError(f"there is no file of labelling functions at {path}")
    spec = importlib.util.spec_from_file_location(f"dovetail_functions_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SourceError(f"{path} is no Python file", fix="give a file that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise SourceError(
            f"the labelling functions in {path} cannot be loaded",
            why=f"{type(error).__name__}: {error}",
        ) from error
    found = {
        name: Function(name, value)
        for name, value in vars(module).items()
        if not name.startswith("_") and inspect.isfunction(value)
        if value.__module__ == spec.name and _takes_one(value)
    }
    if not found:
        raise SourceError(
            f"{path} defines no labelling function",
            fix="write functions that take a task's data and return a class or None",
        )
    return found


def _takes_one(function: Callable[..., Any]) -> bool:
    needed = [
        one
        for one in inspect.signature(function).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) == 1
