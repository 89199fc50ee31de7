"""The search: raw tables in, a ranked and measured set of features out.

For every stream, sets of keys are tried from one key to three, each set one key longer than
one that told something. The views of the sets that told most make the columns that `choose`
chooses from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from dovetail.features.ondemand import ASKED
from dovetail.features.suggest.candidates import Candidate, candidates
from dovetail.features.suggest.choose import FOLDS, Column
from dovetail.features.suggest.compute import Sample, floats
from dovetail.features.suggest.goals import Goal, binned, explained
from dovetail.features.suggest.streams import Stream
from dovetail.features.views import WindowView

if TYPE_CHECKING:
    import polars as pl

MINUTE_US = 60e6
MOST_VALUES = 6

GLANCE = 20_000
"""Questions on which a set of keys is judged."""
KEPT_SETS = 18
EXTENDED = 5
LARGEST_SET = 3
TURNS = 80
STEP = 0.5
AS_GOOD = 0.95
"""Fewer keys are preferred if they tell this share of what the best set tells."""
Keys = tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A column and how it comes about.

    Attributes:
        column: Its values for the sample.
        parts: The views that it is made of, each with the feature taken of it.
        text: Expression of the value, with `{0}` and `{1}` for the parts and the names of
            request data; empty where it is the feature itself.
        request: Columns of the questions that the expression uses.
    """

    column: Column
    parts: tuple[tuple[Candidate, str], ...] = ()
    text: str = ""
    request: tuple[str, ...] = ()


@dataclass
class Search:
    """Tries sets of keys of streams.

    Attributes:
        sample: The questions.
        goal: What is predicted.
        given: Columns that come with the question.
        until: When to stop trying, on the monotonic clock, in seconds.
        say: Told what is being looked at.
    """

    sample: Sample
    goal: Goal
    given: Sequence[Column]
    until: float
    say: Callable[[str], None]
    tried: int = 0
    _glance: Sample = field(init=False)
    _step: int = field(init=False)

    def __post_init__(self) -> None:
        self._step = max(1, self.sample.questions.height // GLANCE)
        self._glance = self.sample.every(self._step)

    def columns(self, streams: Sequence[Stream]) -> list[Found]:
        """Return the columns of the views that told most."""
        found: list[Found] = []
        counts: dict[tuple[str, Keys], dict[str, Found]] = {}
        for stream in streams:
            self.say(
                f"{stream.source.name}: {stream.rows.height:,} rows; "
                f"keys: {', '.join(stream.keys) or 'none'}"
            )
            for keys in self._best_sets(stream):
                for candidate in candidates(stream, keys):
                    columns = columns_of(self.sample, candidate)
                    found += columns
                    if stream.is_own and isinstance(candidate.view, WindowView):
                        counts[stream.source.name, keys] = {f.parts[0][1]: f for f in columns}
        return found + still_open(counts)

    def _best_sets(self, stream: Stream) -> list[Keys]:
        """Return the sets of keys whose past tells what others do not, the best first."""
        if stream.is_timeless:
            return [stream.keys]
        seen: dict[Keys, list[Any]] = {}
        level: list[Keys] = [(), *((key,) for key in stream.keys)]
        order: list[Keys] = []
        for size in range(1, LARGEST_SET + 1):
            for keys in level:
                if monotonic() < self.until:
                    seen[keys] = self._bins(stream, keys)
            order = self._in_turn(seen)
            long = [k for k in order if len(k) == size]
            level = sorted(
                {
                    tuple(sorted((*keys, key)))
                    for keys in long[:EXTENDED]
                    for key in stream.keys
                    if key not in keys and size < LARGEST_SET
                }
            )
        return order[:KEPT_SETS]

    def _bins(self, stream: Stream, keys: Keys) -> list[Any]:
        """Return the columns of the views of a set at a glance, each as bins."""
        rows = slice(0, int(self._glance.questions.height * FOLDS[-1][0]))
        found = []
        for candidate in candidates(stream, keys):
            self.tried += 1
            found += [binned(f.column.values[rows]) for f in columns_of(self._glance, candidate)]
        return found

    def _in_turn(self, seen: dict[Keys, list[Any]]) -> list[Keys]:
        """Return sets of keys in the order in which they explain what is left of the label.

        Boosting with one column at a time (Buehlmann and Yu, 2003): the column that explains
        most of the residual takes half of what it explains away, again and again.
        """
        rows = slice(0, int(self._glance.questions.height * FOLDS[-1][0]))
        left = self.goal.targets(slice(None, None, self._step))[rows]
        left = left - left.mean(axis=0)
        pool: list[tuple[Keys | None, Any]] = [
            (keys, b) for keys, bins in seen.items() for b in bins
        ]
        pool += [(None, binned(c.values[:: self._step][rows])) for c in self.given]
        order: dict[Keys, None] = {}
        for _ in range(TURNS):
            tells = [explained(bins, left) for _, bins in pool]
            most = max(told for told, _ in tells)
            if most <= 0:
                break
            good = (i for i in range(len(pool)) if tells[i][0] >= AS_GOOD * most)
            best = min(good, key=lambda i: (len(pool[i][0] or ()), -tells[i][0]))
            keys, bins = pool[best]
            left = left - STEP * tells[best][1][bins]
            if keys is not None:
                order.setdefault(keys)
        return list(order)


def columns_of(sample: Sample, candidate: Candidate) -> list[Found]:
    """Return the columns of numbers that a view gives for a sample."""
    view, found = candidate.view.name, []
    for name, values in sample.answer(candidate).items():
        part = ((candidate, name),)
        if values.dtype.is_temporal():
            since = floats((sample.asked - values.dt.epoch("us")) / MINUTE_US)
            column = Column(f"{view}:minutes_since", (view,), since)
            found.append(Found(column, part, "(epoch(asked_at) - epoch({0})) / 60", (ASKED,)))
        elif values.dtype.is_numeric() or str(values.dtype) == "Boolean":
            column = Column(f"{view}:{name}", (view,), floats(values))
            found.append(Found(column, part))
        else:
            found += indicators(view, name, values, part)
    return found


def indicators(
    view: str, name: str, values: "pl.Series", part: tuple[tuple[Candidate, str], ...]
) -> list[Found]:
    """Return whether a category is one of its most frequent values, for each of them."""
    counts = values.drop_nulls().alias("value").value_counts(sort=True).head(MOST_VALUES)
    found = []
    for value in counts["value"] if counts.height > 1 else ():
        is_it = Column(f"{view}:{name}_is_{value}", (view,), floats(values == value))
        literal = text_literal(value).replace("{", "{{").replace("}", "}}")
        found.append(Found(is_it, part, f"{{0}} = {literal}"))
    return found


def still_open(counts: dict[tuple[str, Keys], dict[str, Found]]) -> list[Found]:
    """Return how many questions of late are not answered yet, by each set of keys.

    What was asked in a window less what became known in it: a queue that grows.
    """
    found = []
    first = next(iter(counts), ("", ()))[0]
    for (source, keys), later in counts.items():
        asked = counts.get((first, keys), {}) if source != first else {}
        for name in (n for n in later if n.startswith("count_") and n in asked):
            parts = (*asked[name].parts, *later[name].parts)
            values = asked[name].column.values - later[name].column.values
            views = tuple(candidate.view.name for candidate, _ in parts)
            label = f"open_{name.removeprefix('count_')}_{views[1]}"
            found.append(Found(Column(label, views, values), parts, "{0} - {1}"))
    return found


def text_literal(value: object) -> str:
    """Write a text as SQL does."""
    return "'" + str(value).replace("'", "''") + "'"
