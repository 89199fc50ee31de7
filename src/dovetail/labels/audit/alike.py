"""Groups of rows that are nearly the same, and what is odd: labels, or splits, that differ."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dovetail.labels.audit.encoding import Encoder, Kinds
from dovetail.labels.audit.findings import Likeness
from dovetail.labels.audit.near import components, near_texts, near_vectors
from dovetail.labels.votes import Codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = ["Odd", "apart", "excerpts", "group", "odd"]

_SHOWN = 100
_ROWS = 10
_EXCERPT = 120
_TEMPLATE = 0.02  # of the rows
_BLOCK = 200_000


@dataclass(frozen=True)
class Odd:
    """Rows that differ from rows that are nearly the same.

    Attributes:
        rows: How many.
        groups: The groups, at most 100.
    """

    rows: int
    groups: list[Likeness]


def group(table: "pl.DataFrame", kinds: Kinds) -> Codes:
    """int[rows]: for each row the lowest row that is nearly the same, mostly itself.

    Texts decide where there are some, else vectors, else numbers and categories together.
    """
    none = np.arange(0)
    pairs: list[tuple[Codes, Codes]] = [(none, none)]
    if kinds.texts:
        text = table[kinds.texts[0]]
        for name in kinds.texts[1:]:
            text = text.fill_null("") + " " + table[name].fill_null("")
        pairs.append(near_texts(text))
    elif kinds.vectors or kinds.numbers or kinds.levels:
        pairs.append(_near_rows(table, kinds))
    one, other = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return components(table.height, one, other)


def _near_rows(table: "pl.DataFrame", kinds: Kinds) -> tuple[Codes, Codes]:
    """Pairs of rows with equal categories and nearly equal numbers."""
    code = np.zeros(table.height, np.int64)
    for name in kinds.levels:
        levels = table[name].rank("dense").fill_null(0).to_numpy().astype(np.int64)
        code = code * 1_000_003 + levels
    for name in kinds.vectors:  # a row without one is like no other
        code = np.where(table[name].is_null().to_numpy(), -1 - np.arange(len(code)), code)
    only = Kinds(kinds.numbers, [], [], kinds.vectors, [])
    if not (only.numbers or only.vectors):
        _, first, place = np.unique(code, return_index=True, return_inverse=True)
        return first[place], np.arange(len(code))
    encoder = Encoder(table.head(_BLOCK), only)
    values = np.concatenate(
        [encoder(table[at : at + _BLOCK]) for at in range(0, table.height, _BLOCK)]
    )
    return near_vectors(values, code)


def apart(near: Codes) -> Codes:
    """int[rows]: the same groups, but for those so large that they are a template, not copies.

    Groups are kept on one side of a split; a class that is one template would be on one side whole.
    """
    many = np.bincount(near, minlength=len(near))[near]
    return np.where(many > max(_TEMPLATE * len(near), _ROWS), np.arange(len(near)), near)


def odd(near: Codes, said: "Sequence[str]", rows: Codes, shown: "Sequence[str]") -> Odd:
    """Groups whose rows do not all say the same.

    Args:
        near: int[rows], the lowest row of each one's group.
        said: The label, or split, of each row.
        rows: int[rows], where each was in the file.
        shown: An excerpt of each row.
    """
    names, code = np.unique(np.asarray(said), return_inverse=True)
    kinds = np.unique(near * len(names) + code)
    heads, many = np.unique(kinds // len(names), return_counts=True)
    differ = heads[many > 1]
    inside = np.flatnonzero(np.isin(near, differ))
    order = inside[np.argsort(near[inside], kind="stable")]
    found = []
    for head in differ[:_SHOWN]:
        start = int(np.searchsorted(near[order], head))
        members = order[start : start + _ROWS]
        members = members[near[members] == head]
        if len({said[row] for row in members}) < 2:
            members = _of_each(order, near, head, code)
        found.append(
            Likeness(
                [int(rows[row]) for row in members],
                [said[row] for row in members],
                shown[int(head)],
            )
        )
    return Odd(len(inside), found)


def _of_each(order: Codes, near: Codes, head: int, code: Codes) -> Codes:
    """One row of each label of a large group."""
    members = order[near[order] == head]
    _, first = np.unique(code[members], return_index=True)
    some: Codes = members[first][:_ROWS]
    return some


def excerpts(table: "pl.DataFrame", kinds: Kinds, rows: Codes) -> dict[int, str]:
    """Some rows in a few words, by place: the beginning of the text, or values."""
    names = (kinds.texts or [*kinds.levels, *kinds.numbers, *kinds.left_out])[:6]
    if not names:
        return {}
    found = {}
    for row, values in zip(rows.tolist(), table[rows].select(names).rows(), strict=True):
        said = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values]
        if not kinds.texts:
            said = [f"{name} {value}" for name, value in zip(names, said, strict=True)]
        text = " ".join(", ".join(said).split())
        found[row] = text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
    return found
