"""Models of several classes: their probabilities as tables, and outcomes as positions of classes.

An outcome names a class or gives its position. Which names there are says the reference of the
version that answered; without one, classes are "0", "1" and so on.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from dovetail.monitoring.numeric import Floats

__all__ = [
    "UNSTATED",
    "Label",
    "Stated",
    "chosen",
    "first_choices",
    "names_in",
    "names_of",
    "paired",
    "position",
    "stated",
    "table",
]

Label = float | str
"""An outcome as it was stated: a number, or the name of a class."""


def table(shares: bytes, rows: int) -> Floats:
    """The probabilities of one response, shape (rows, K)."""
    return np.frombuffer(shares, "<f8").reshape(rows, -1)


def names_in(body: bytes) -> list[str | None]:
    """The classes that one response names, None on rows without one."""
    return msgspec.json.decode(body, type=list[str | None])


def paired(rows: bytes, values: bytes, texts: bytes | None) -> Iterable[tuple[int, Label]]:
    """The outcomes of one event for one request: row and what came true."""
    numbers = np.frombuffer(rows, "<i4").tolist()
    stated: list[Label] = np.frombuffer(values, "<f8").tolist()
    if texts is not None:
        named = msgspec.json.decode(texts, type=list[str | None])
        stated = [v if n is None else n for v, n in zip(stated, named, strict=True)]
    return zip(numbers, stated, strict=True)


Stated = tuple[int, str, str, float]
"""An outcome with what decides which of several rules: time, event, then name and number."""
UNSTATED: Stated = (-1, "", "", 0.0)


def stated(time_ms: int, event: str, label: Label) -> Stated:
    """An outcome as it is compared with others of its row: the larger one rules."""
    return (time_ms, event, label, 0.0) if isinstance(label, str) else (time_ms, event, "", label)


def names_of(classes: Sequence[str], width: int) -> tuple[str, ...]:
    """The names of so many classes: those given where they fit, else their positions."""
    return tuple(classes) if len(classes) == width else tuple(map(str, range(width)))


def position(label: Label | None, classes: Sequence[str]) -> float:
    """Which class an outcome is, by name or else by position; NaN where it is none of them."""
    if label is None or label != label:
        return np.nan
    is_whole = isinstance(label, float) and label.is_integer()
    name = str(int(label)) if is_whole else str(label)
    if name in classes:
        return float(classes.index(name))
    if isinstance(label, float) and is_whole and 0 <= label < len(classes):
        return label
    return np.nan


def first_choices(shares: Floats) -> Floats:
    """The position of the most likely class of each row; NaN where a row is no probabilities."""
    fit = np.isfinite(shares).all(axis=1)
    return np.where(fit, np.nan_to_num(shares).argmax(axis=1), np.nan)


def chosen(choices: Floats, classes: Sequence[str]) -> list[str | None]:
    """The names of first choices, None where there is none."""
    fit = np.isfinite(choices) & (choices < len(classes))
    return [classes[int(k)] if ok else None for k, ok in zip(choices, fit, strict=True)]
