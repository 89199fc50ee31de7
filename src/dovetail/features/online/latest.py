"""The last rows of every key of a LatestView, ready to be looked up.

A store of a million keys lives in one process, so a row is one line of bytes where its values are
all doubles, and one plain tuple otherwise: both are let go by Python's garbage collector, which
would walk over other things now and then and hold lookups up.
"""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from typing import Any

from dovetail.features.online.events import Event, key_in
from dovetail.features.online.lines import Lines, line_of, row_of
from dovetail.features.online.rows import (
    NOT_FOUND,
    NULL_VALUE,
    OUTSIDE_MAX_AGE,
    PRESENT,
    Found,
    Packed,
    Row,
    packed,
    unpacked,
)
from dovetail.features.views import LatestView

__all__ = ["LatestMemory", "Version", "version_of"]

Version = tuple[Packed, tuple[str, ...], int, int, tuple[Any, ...], int]
"""Values, statuses, event time, time of knowing, id, order of writing."""

_LINES = {bytes}
MOST_PATTERNS = 4096  # of nulls in wide views there may be as many as rows
_PATTERNS: dict[tuple[str, ...], tuple[str, ...]] = {}


def version_of(
    values: tuple[Any, ...], event_us: int, known_us: int, identity: tuple[Any, ...], order: int
) -> Version:
    """Make a row of its parts; NaN is null."""
    for value in values:
        if value != value:
            values = tuple([None if v != v else v for v in values])
            break
    statuses = tuple([NULL_VALUE if v is None else PRESENT for v in values])
    if (shared := _PATTERNS.get(statuses)) is not None:
        statuses = shared
    elif len(_PATTERNS) < MOST_PATTERNS:
        _PATTERNS[statuses] = statuses
    return packed(values), statuses, event_us, known_us, identity, order


class LatestMemory:
    """The last rows of every key of a LatestView, so that the recent past can be asked too.

    Args:
        view: The view.
    """

    def __init__(self, view: LatestView) -> None:
        self.view = view
        self._held: dict[Hashable, Any] = {}  # a line, a Version, or a list of them, oldest first
        width = len(view.features)
        self._absent: Found = Row((None,) * width, (NOT_FOUND,) * width, 0)
        self._none, self._present = (None,) * width, (PRESENT,) * width
        self._stale = (OUTSIDE_MAX_AGE,) * width

    def __len__(self) -> int:
        return len(self._held)

    def learn(self, event: Event, order: int = 0) -> None:
        """Take in a row; of two that cannot be told apart the later order stands."""
        key = key_in(self.view, event.row)
        if key is None:
            return
        row, features = event.row, self.view.features
        self.learn_values(key, event, tuple([row[f] for f in features]), order)

    def learn_values(
        self, key: Hashable, event: Event, values: tuple[Any, ...], order: int
    ) -> None:
        """Take in the features of a key, wherever they come from."""
        version = version_of(values, event.event_us, event.known_us, event.id, order)
        self.learn_version(key, version)

    def learn_version(self, key: Hashable, version: Version) -> None:
        """Take in a row in the form that it is held in."""
        held = self.versions(key)
        if not held:
            self._held[key] = _kept(version)
            return
        rank, identity = version[2:5], version[4]
        if identity and any(one[4] == identity for one in held):
            if all(one[3] <= version[3] for one in held if one[4] == identity):
                return  # the first telling of an event stands
            held = [one for one in held if one[4] != identity]
        if not held or rank > held[-1][2:5]:
            held.append(version)
        else:
            at = bisect_left(held, rank, key=_rank)
            if held[at][2:5] != rank:
                held.insert(at, version)
            elif version[5] >= held[at][5]:
                held[at] = version
        self._held[key] = held if len(held) > 1 else _kept(held[0])

    def learn_batch(self, keys: Sequence[Hashable], versions: Sequence[Version]) -> None:
        """Take in rows of many keys."""
        held, learn = self._held, self.learn_version
        for key, version in zip(keys, versions, strict=True):
            if key in held:
                learn(key, version)
            else:
                held[key] = _kept(version)

    def versions(self, key: Hashable) -> list[Version]:
        """Return what is held of a key, oldest first."""
        held = self._held.get(key)
        if held is None:
            return []
        if held.__class__ is list:
            return list(held)
        return [row_of(held) if held.__class__ is bytes else held]

    def state(self, key: Hashable) -> Any:
        """Return the rows of a key in plain values, for a store; None for none."""
        versions = self.versions(key)
        return [(v[0], v[2], v[3], v[4], v[5]) for v in versions] if versions else None

    def restore(self, key: Hashable, state: Any) -> None:
        """Know of a key what `state` returned, before a store made lists of tuples."""
        held: list[Version] = [
            (values, self._present, event_us, known_us, tuple(identity), order)
            if isinstance(values, bytes)
            else version_of(tuple(values), event_us, known_us, tuple(identity), order)
            for values, event_us, known_us, identity, order in state
        ]
        self._held[key] = held if len(held) > 1 else _kept(held[0])

    def rows(self, keys: Sequence[Hashable], as_of: int) -> Sequence[Found]:
        """Answer each key with the highest row that was visible at a moment."""
        found: list[Any] = list(map(self._held.get, keys))
        ttl = self.view.ttl_us
        if set(map(type, found)) == _LINES:
            lines = Lines(found, len(self._none))
            is_fresh = not ttl or min(lines.events) >= as_of - ttl
            if is_fresh and lines.are_visible(as_of):
                return lines
        absent = self._absent
        rows: list[Found] = []
        for held in found:
            if held.__class__ is bytes:
                held = row_of(held)
            if held is None:
                rows.append(absent)
            elif held.__class__ is tuple:
                rows.append(held if held[2] <= as_of and held[3] <= as_of else absent)
            else:
                for version in reversed(held):
                    if version[2] <= as_of and version[3] <= as_of:
                        rows.append(version)
                        break
                else:
                    rows.append(absent)
        return self._aged(rows, as_of - ttl) if ttl else rows

    def _aged(self, rows: list[Found], oldest: int) -> list[Found]:
        """Replace what is older than the view allows."""
        if all([row[2] >= oldest for row in rows]):
            return rows
        absent, none, stale = self._absent, self._none, self._stale
        return [
            row if row[2] >= oldest or row is absent else Row(none, stale, row[2]) for row in rows
        ]

    def forget(self, before: int) -> dict[Hashable, int]:
        """Drop versions that a later one, visible by the moment, stands above."""
        oldest: dict[Hashable, int] = {}
        for key, held in self._held.items():
            if held.__class__ is not list:
                continue
            for at in range(len(held) - 1, 0, -1):
                if max(held[at][2], held[at][3]) <= before:
                    del held[:at]
                    oldest[key] = held[0][2]
                    break
        return oldest

    def known_before(self, moment: int) -> list[Event]:
        """Return the rows held that became known before a moment, with keys and features."""
        names = (*self.view.keys, *self.view.features)
        found = []
        for key in self._held:
            keys = key if isinstance(key, tuple) else (key,)
            for values, _, event_us, known_us, identity, _ in self.versions(key):
                if known_us < moment:
                    row = dict(zip(names, (*keys, *unpacked(values)), strict=True))
                    found.append(Event(identity, event_us, known_us, row))
        return found

    def sample(self) -> dict[str, Any]:
        """Return keys and features of some row; nothing where there is none."""
        for key in self._held:
            keys = key if isinstance(key, tuple) else (key,)
            values = unpacked(self.versions(key)[-1][0])
            return dict(zip((*self.view.keys, *self.view.features), (*keys, *values), strict=True))
        return {}


def _kept(version: Version) -> bytes | Version:
    """Return the form in which a row is held that is the only one of its key."""
    values, _, event_us, known_us, identity, order = version
    if identity or not isinstance(values, bytes):
        return version
    return line_of(values, event_us, known_us, order)


def _rank(version: Version) -> tuple[Any, ...]:
    return version[2:5]
