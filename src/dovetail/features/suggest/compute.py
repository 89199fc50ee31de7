"""The values of candidate views for a sample of questions, by the rules of training.

Serves `search`. Numbers are float32 with NaN for null, as trees take them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dovetail.features.planning import Read
from dovetail.features.suggest.candidates import Candidate
from dovetail.features.training import answer

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Sample:
    """The questions that features are tried on.

    Attributes:
        questions: The questions, in the order of asking.
        asked: When each was asked, in microseconds.
    """

    questions: "pl.DataFrame"
    asked: "pl.Series"

    def every(self, step: int) -> "Sample":
        """Return every so many-th question."""
        return Sample(self.questions.gather_every(step), self.asked.gather_every(step))

    def answer(self, candidate: Candidate) -> "dict[str, pl.Series]":
        """Return the value of each feature of a view, by name."""
        view = candidate.view
        answers = answer(
            Read(view, view.feature_names), candidate.stream.rows, self.questions, self.asked
        )
        return dict(zip(view.feature_names, answers, strict=True))


def floats(values: "pl.Series") -> Any:
    """Return a column of numbers, or of true and false, as float32 with NaN for null."""
    import polars as pl

    return values.cast(pl.Float32).fill_null(float("nan")).to_numpy()


def sampled(questions: "pl.DataFrame", asked: "pl.Series", rows: int) -> Sample:
    """Return evenly spread questions in the order of asking.

    Args:
        questions: All questions.
        asked: When each was asked, in microseconds.
        rows: How many to keep at most.
    """
    import polars as pl

    order = asked.arg_sort()
    kept = order.gather_every(max(1, -(-len(order) // rows)))
    return Sample(questions[kept], asked[kept].cast(pl.Int64))


def matrix(columns: Sequence[Any]) -> Any:
    """Stack columns of floats, float32, shape [rows, columns]."""
    import numpy as np

    return np.stack([np.asarray(c, dtype=np.float32) for c in columns], axis=1)
