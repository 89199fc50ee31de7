"""What the question itself tells once it is turned into numbers: times, prose, categories.

These features need no table: they are expressions over the request data.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dovetail.features.expressions import expression
from dovetail.features.ondemand import ASKED
from dovetail.features.suggest.choose import FOLDS, Column
from dovetail.features.suggest.compute import Sample, floats
from dovetail.features.suggest.goals import Goal, explained
from dovetail.features.suggest.search import MOST_VALUES, Found, text_literal
from dovetail.features.suggest.task import Task

if TYPE_CHECKING:
    import polars as pl

MOST_WORDS = 12
WORDS_LOOKED_AT = 300
_WORD = r"[\p{L}\p{N}]{3,}"


def asking(task: Task, sample: Sample, goal: Goal) -> list[Found]:
    """Return the columns that expressions over the request give."""
    import polars as pl

    at = sample.asked.cast(pl.Datetime("us", "UTC")).alias(ASKED)
    frame = sample.questions.drop(ASKED, strict=False).with_columns(at)
    found = []
    for name, request, text in _expressions(task, sample, goal):
        read = expression(text)
        values = frame.select(read.over(frame.schema).alias("value"))["value"]
        if values.dtype.is_numeric() or values.dtype == pl.Boolean:
            found.append(Found(Column(name, (), floats(values)), (), text, (request,)))
    return found


def _expressions(task: Task, sample: Sample, goal: Goal) -> Iterator[tuple[str, str, str]]:
    """Yield a name, the column of the request and the expression of each feature."""
    yield "asked_hour", ASKED, f"hour({ASKED})"
    yield "asked_weekday", ASKED, f"weekday({ASKED})"
    for name in task.given:
        if name in task.table.times:
            yield f"{name}_hour", name, f"hour({name})"
            yield f"{name}_weekday", name, f"weekday({name})"
        elif name in task.table.prose:
            yield f"{name}_length", name, f"length({name})"
            for word in _words(sample.questions[name], goal):
                yield f"{name}_says_{word}", name, f"contains(lower({name}), {text_literal(word)})"
        elif name in task.table.categories and name in task.keys:
            counts = sample.questions[name].drop_nulls().alias("value").value_counts(sort=True)
            for value in counts["value"].head(MOST_VALUES):
                yield f"{name}_is_{value}", name, f"{name} = {text_literal(value)}"


def _words(texts: "pl.Series", goal: Goal) -> list[str]:
    """Return the words whose presence tells most of the label, in the early questions."""
    import numpy as np

    early = slice(0, int(len(texts) * FOLDS[-1][0]))
    lowered = texts.str.to_lowercase()
    said = lowered[early].str.extract_all(_WORD).list.unique().explode().drop_nulls()
    frequent = said.alias("word").value_counts(sort=True).head(WORDS_LOOKED_AT)["word"]
    targets = goal.targets(early)
    told = {
        word: explained(
            lowered[early]
            .str.contains(word, literal=True)
            .fill_null(False)
            .to_numpy()
            .astype(np.uint8),
            targets,
        )[0]
        for word in frequent
    }
    return sorted((w for w in told if told[w] > 0), key=lambda w: -told[w])[:MOST_WORDS]
