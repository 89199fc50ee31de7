"""The laws of a feature store, for ours and for any other that speaks Feast's protocol.

1. Online equals offline: what the server answers as of a moment is what a training set
   holds for a question asked at that moment, value for value.
2. Telling twice changes nothing: pushing the same rows again, in any order, leaves every
   answer as it was.
3. The future is unseen: rows that became known after a question leave its answer alone.
4. The engines agree: DuckDB, by other means, gives the training set that polars gives.
5. No question is lost: a training set has the questions' rows, in their order.
"""

import math
import random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dovetail.features import Definitions, training_set
from dovetail.features.moments import moment_us
from dovetail.features.ondemand import OnDemandView
from dovetail.features.sources import Source
from dovetail.features.training import chosen
from dovetail.features.views import Selection
from dovetail.wire import feast

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "check_engines_agree",
    "check_feature_store",
    "check_future_unseen",
    "check_online_equals_offline",
    "push_frame",
]


def check_feature_store(
    url: str,
    definitions: Definitions,
    service: str,
    frames: "Mapping[str, pl.DataFrame]",
    questions: "pl.DataFrame",
    *,
    asked: str = "asked_at",
    seed: int = 0,
) -> None:
    """Check every law on a server that holds nothing yet.

    Args:
        url: Where the server answers.
        definitions: What it was started with.
        service: The service to ask for.
        frames: Rows by source.
        questions: Join keys and the time each question was asked.
        asked: Column that tells when a question was asked.
        seed: Decides in which order and in which portions rows are pushed.

    Raises:
        AssertionError: A law is broken; the message names the question and the feature.
    """
    order = random.Random(seed)
    with feast.Client(url) as client:
        for name, frame in frames.items():
            push_frame(client, name, frame, order)
        check_online_equals_offline(client, definitions, service, frames, questions, asked=asked)
        for name, frame in frames.items():
            if definitions.source(name).id_columns:
                push_frame(client, name, frame, order)
        check_online_equals_offline(client, definitions, service, frames, questions, asked=asked)
    check_future_unseen(definitions, service, frames, questions, asked=asked)


def push_frame(
    client: feast.Client, source: str, frame: "pl.DataFrame", order: random.Random
) -> None:
    """Push the rows of a source in portions of random size.

    Rows with an id come in any order. Without one the later of two equal rows stands, so
    their order is kept.
    """
    start = 0
    while start < frame.height:
        size = order.randint(1, max(2, frame.height // 3))
        client.push(source, _columns(frame.slice(start, size)))
        start += size


def check_online_equals_offline(
    client: feast.Client,
    definitions: Definitions,
    service: str,
    frames: "Mapping[str, pl.DataFrame]",
    questions: "pl.DataFrame",
    *,
    asked: str = "asked_at",
) -> None:
    """Compare each answer as of its moment with the training set, value for value."""
    selections = chosen(service, definitions)
    offline = training_set(questions, service, definitions, asked=asked, frames=frames)
    assert offline.select(questions.columns).equals(questions), "questions were lost or moved"
    names = [f for part in selections for f in part.features]
    keys = _keys(selections)
    data = [name for name in _request(selections) if name in questions.columns and name != asked]
    for at, row in enumerate(offline.iter_rows(named=True)):
        sent = {name: [_sent(row[name])] for name in (*keys, *data)}
        answer = client.get_online_features(
            sent, feature_service=service, as_of=row[asked]
        ).columns()
        for name in names:
            online, expected = answer[name][0], row[name]
            assert _same(online, expected), (
                f"question {at} ({ {k: row[k] for k in keys} } at {row[asked]}): "
                f"{name} is {online!r} online and {expected!r} offline"
            )


def check_engines_agree(
    definitions: Definitions,
    service: str,
    frames: "Mapping[str, pl.DataFrame]",
    questions: "pl.DataFrame",
    *,
    asked: str = "asked_at",
) -> None:
    """Compare the training sets of polars and DuckDB row by row, value for value.

    Raises:
        AssertionError: They differ; the message names the question and the feature.
    """
    one, other = (
        training_set(questions, service, definitions, asked=asked, frames=frames, engine=engine)
        for engine in ("polars", "duckdb")
    )
    assert one.columns == other.columns, "the columns differ"
    assert one.height == other.height, "the numbers of rows differ"
    for name in one.columns:
        for at, (a, b) in enumerate(zip(one[name].to_list(), other[name].to_list(), strict=True)):
            assert _near(a, b), f"question {at}: {name} is {a!r} by polars and {b!r} by DuckDB"


def check_future_unseen(
    definitions: Definitions,
    service: str,
    frames: "Mapping[str, pl.DataFrame]",
    questions: "pl.DataFrame",
    *,
    asked: str = "asked_at",
) -> None:
    """Remove, for the middle question, all that became known later; its past must not change."""
    import polars as pl

    moments = questions[asked].drop_nulls().sort()
    if not len(moments):
        return
    middle = moments[len(moments) // 2]
    before = questions.filter(pl.col(asked) <= middle)
    cut = {
        name: _known_by(definitions.source(name), frame, middle) for name, frame in frames.items()
    }
    whole = training_set(before, service, definitions, asked=asked, frames=frames)
    blind = training_set(before, service, definitions, asked=asked, frames=cut)
    assert whole.equals(blind, null_equal=True), "an answer changed with rows that came later"
    _check_order_free(definitions, service, frames, before, whole, asked)


def _known_by(source: Source, frame: "pl.DataFrame", moment: Any) -> "pl.DataFrame":
    """Return the rows of a source that were known at a moment; all where rows have no times."""
    import polars as pl

    if not source.known_at:
        return frame
    derived = source.expressions.get(source.known_at)
    known = pl.col(source.known_at)
    if derived is not None:
        known = derived.over(frame.schema).cast(pl.Datetime("us", "UTC"))
    return frame.filter(known.is_null() | (known <= moment))


def _check_order_free(
    definitions: Definitions,
    service: str,
    frames: "Mapping[str, pl.DataFrame]",
    questions: "pl.DataFrame",
    expected: "pl.DataFrame",
    asked: str,
) -> None:
    shuffled = {
        name: frame.sample(fraction=1.0, shuffle=True, seed=1)
        if definitions.source(name).id_columns and frame.height
        else frame
        for name, frame in frames.items()
    }
    again = training_set(questions, service, definitions, asked=asked, frames=shuffled)
    assert again.equals(expected, null_equal=True), "an answer changed with the order of the rows"


def _keys(selections: Sequence[Selection]) -> list[str]:
    return list(dict.fromkeys(key for part in selections for key in part.view.keys))


def _request(selections: Sequence[Selection]) -> list[str]:
    """Return the request data that on-demand views need."""
    views = [part.view for part in selections if isinstance(part.view, OnDemandView)]
    return list(dict.fromkeys(name for view in views for name in view.request))


def _sent(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _columns(frame: "pl.DataFrame") -> dict[str, list[Any]]:
    import polars as pl

    texts = [
        pl.col(name).cast(pl.Datetime("us")).dt.to_string("iso:strict")
        for name, kind in frame.schema.items()
        if kind.is_temporal()
    ]
    return frame.with_columns(texts).to_dict(as_series=False)


def _near(a: object, b: object) -> bool:
    """Tell whether two values are the same, but for the last digits of a root."""
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-12) or (math.isnan(a) and math.isnan(b))
    return a == b


def _same(online: object, offline: object) -> bool:
    if isinstance(offline, float) and math.isnan(offline):
        offline = None
    if isinstance(offline, datetime) and online is not None:
        return moment_us(online) == moment_us(offline)
    return online == offline and isinstance(online, bool) == isinstance(offline, bool)
