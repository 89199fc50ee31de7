"""From paths of raw tables to a suggestion; what `dovetail features suggest` does."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import monotonic

from dovetail.features.catalog import Definitions, load
from dovetail.features.errors import DefinitionError, RowsError
from dovetail.features.frames import microseconds
from dovetail.features.suggest.asking import asking
from dovetail.features.suggest.choose import Chooser, Chosen, Column
from dovetail.features.suggest.compute import Sample, floats, sampled
from dovetail.features.suggest.goals import Goal, goal_of
from dovetail.features.suggest.joins import joined
from dovetail.features.suggest.search import Found, Search
from dovetail.features.suggest.streams import Stream, identity_of, own_streams, stream_of
from dovetail.features.suggest.suggestion import Feature, Suggestion, feature_name
from dovetail.features.suggest.tables import Table, read_table
from dovetail.features.suggest.task import Task, task_of
from dovetail.features.training import training_set

FEWEST_QUESTIONS = 500
SEARCH_SHARE = 0.5
"""Share of the seconds that may go into finding columns; the rest is for choosing."""
CHECKED = 500


def suggest(
    tables: Sequence[str | Path],
    *,
    label: str,
    asked: str = "",
    given: Sequence[str] = (),
    known: Mapping[str, str] | None = None,
    times: Mapping[str, str] | None = None,
    most_features: int = 30,
    most_views: int = 16,
    seconds: float = 150.0,
    rows: int = 120_000,
    say: Callable[[str], None] = lambda message: None,
) -> Suggestion:
    """Find features of raw tables that help to predict a label.

    Nothing is used that was not known when a question was asked: what is told of the columns
    of the questions (`given`, `known`) is believed, and of other tables the latest of a row's
    times is when it was known.

    Args:
        tables: Parquet files, CSV files or Delta tables. The rows of the first are the
            questions.
        label: The column to predict: two classes, a few classes or a number.
        asked: When a question is asked; needed where the table has several times.
        given: Columns known when it is asked, also as patterns: `["carrier", "sched_*"]`.
        known: The time column at which a column becomes known, by column. The label needs one
            for the past of labels to be used.
        times: The event time of a table, by its name, where it has several.
        most_features: Features to keep at most.
        most_views: Views they may come from at most; each is a lookup online.
        seconds: Time to spend on the search, roughly.
        rows: Questions that features are tried on; the past is always looked up in all rows.
        say: Told how far it is.

    Returns:
        The features, ranked by what later questions lose without them, and their definitions.

    Raises:
        RowsError: A table cannot be read, lacks a column, or holds too few questions.
    """
    start = monotonic()
    read = [read_table(str(path)) for path in tables]
    if len({t.name for t in read}) < len(read):
        raise RowsError("Two tables have the same name", fix="Rename one of the files")
    task = task_of(read[0], label, asked, given, known or {})
    sample = questions_of(task, rows)
    goal = goal_of(sample.questions[label])
    streams = streams_of(task, read[1:], times or {})
    own = [
        Column(name, (), floats(sample.questions[name]))
        for name in task.given
        if name in (*task.table.numbers, *task.table.flags)
    ]
    search = Search(sample, goal, own, start + SEARCH_SHARE * seconds, say)
    found = [*asking(task, sample, goal), *search.columns(streams)]
    by_name = {f.column.name: f for f in found}
    chooser = Chooser(goal, own, most_features, most_views, start + seconds, say)
    chosen = chooser.choose([f.column for f in by_name.values()])
    return _suggestion(task, goal, chosen, by_name, streams, search.tried, sample)


def questions_of(task: Task, rows: int) -> Sample:
    """Return the questions whose label is known, a sample of them in the order of asking.

    Raises:
        RowsError: There are too few.
    """
    frame = task.table.frame.drop_nulls([task.label, task.asked])
    if frame.height < FEWEST_QUESTIONS:
        raise RowsError(
            f"{task.table.name} has {frame.height} rows with a {task.label}",
            why=f"Fewer than {FEWEST_QUESTIONS} cannot tell a good feature from luck",
        )
    asked = frame.select(microseconds(frame, task.asked).alias("asked")).to_series()
    return sampled(frame, asked, rows)


def streams_of(task: Task, tables: Sequence[Table], times: Mapping[str, str]) -> list[Stream]:
    """Return what can be looked up: the past of the questions, and every other table."""
    identity = identity_of(task.table, [*task.keys, task.asked])
    others = [stream_of(table, task, joined(task, table), times) for table in tables]
    useless = [s.table.name for s in others if s.is_timeless and not s.keys]
    if useless:
        raise RowsError(
            f"{', '.join(useless)}: no column names what a given column of the questions names",
            fix="Name the column that joins them with --given, or leave the table out",
        )
    return [*own_streams(task, identity), *others]


def check(suggestion: Suggestion, file: Path, rows: int = CHECKED) -> Definitions:
    """Load written definitions and hold their values against those that were measured.

    Raises:
        DefinitionError: They differ, which is a fault of this program.
    """
    import numpy as np
    import polars as pl

    definitions, task = load(file), suggestion.task
    sample = suggestion.sample
    step = max(1, sample.questions.height // rows)
    questions = sample.questions.gather_every(step)
    keys = dict.fromkeys(k for view in suggestion.views for k in view.keys)
    wanted = dict.fromkeys((*keys, *suggestion.request, task.asked))
    asked = [c for c in wanted if c in questions.columns]
    values = training_set(
        questions.select(asked),
        suggestion.service,
        definitions,
        asked=task.asked,
        full_feature_names=True,
    )
    for feature in suggestion.features:
        came = floats(values[feature.name.replace(":", "__")].cast(pl.Float64))
        meant = feature.found.column.values[::step]
        if not np.allclose(came, meant, rtol=1e-4, atol=1e-4, equal_nan=True):
            raise DefinitionError(f"{feature.name} in {file} is not what was measured")
    return definitions


def _suggestion(
    task: Task,
    goal: Goal,
    chosen: Chosen,
    by_name: Mapping[str, Found],
    streams: Sequence[Stream],
    tried: int,
    sample: Sample,
) -> Suggestion:
    features = tuple(
        Feature(feature_name(by_name[column.name], task), by_name[column.name], gain)
        for column, gain in zip(chosen.columns, chosen.gains, strict=True)
    )
    return Suggestion(
        task=task,
        measure=goal.measure,
        before=chosen.before,
        after=chosen.after,
        features=features,
        streams=tuple(streams),
        tried=tried,
        sample=sample,
    )
