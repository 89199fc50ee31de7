"""Run search against a reference in plain Python, on both databases and over many questions."""

import itertools
import math
import random

import pytest

from dovetail.tracking.errors import InvalidParameterError
from dovetail.wire.mlflow import (
    CreateExperiment,
    CreateRun,
    Dataset,
    DatasetInput,
    GetRun,
    LogBatch,
    LogInputs,
    Metric,
    Param,
    SearchRuns,
    Tag,
    UpdateRun,
)
from dovetail.wire.mlflow import endpoints as e

SIZE = 40


@pytest.fixture
def filled(ask):
    """Forty runs in two experiments, where metrics may be absent or NaN."""
    chance = random.Random(7)
    other = ask(e.CREATE_EXPERIMENT, CreateExperiment(name="other")).experiment_id
    for i in range(SIZE):
        experiment = other if i % 5 == 0 else "0"
        request = CreateRun(
            experiment_id=experiment, start_time=chance.randrange(6), run_name=f"r{i}"
        )
        run = ask(e.CREATE_RUN, request).run.info.run_id
        metrics = []
        if i % 4:
            value = math.nan if i % 9 == 1 else chance.randrange(8) / 8
            metrics = [Metric("auc", value, 1), Metric("loss", chance.random(), 1)]
        params = [Param("lr", chance.choice(["0.1", "0.01"]))] if i % 3 else []
        tags = [Tag("team", chance.choice(["Red", "blue"]))] if i % 2 else []
        batch = LogBatch(run_id=run, metrics=tuple(metrics), params=tuple(params), tags=tuple(tags))
        ask(e.LOG_BATCH, batch)
        if i % 2:
            ask(e.UPDATE_RUN, UpdateRun(run_id=run, status="FINISHED", end_time=i))
    return other


def runs(ask, **given):
    answer = ask(e.SEARCH_RUNS, SearchRuns(**{"experiment_ids": ("0",), **given}))
    return list(answer.runs), answer.next_page_token


def names(found):
    return [run.info.run_name for run in found]


def metric(run, key):
    return next((m.value for m in run.data.metrics if m.key == key), None)


def value(pairs, key):
    return next((pair.value for pair in pairs if pair.key == key), None)


FILTERS = {
    "": lambda r: True,
    "metrics.auc > 0.3": lambda r: _number(r) is not None and _number(r) > 0.3,
    "metrics.auc <= 0.5": lambda r: _number(r) is not None and _number(r) <= 0.5,
    "metrics.auc != 0.5": lambda r: metric(r, "auc") is not None and metric(r, "auc") != 0.5,
    "params.lr = '0.1'": lambda r: value(r.data.params, "lr") == "0.1",
    "params.lr != '0.1'": lambda r: value(r.data.params, "lr") == "0.01",
    "params.lr IS NULL": lambda r: value(r.data.params, "lr") is None,
    "tags.team LIKE 'R%'": lambda r: value(r.data.tags, "team") == "Red",
    "tags.team LIKE 'r%'": lambda r: False,
    "tags.team ILIKE '_LU_'": lambda r: value(r.data.tags, "team") == "blue",
    "tags.team IS NOT NULL": lambda r: value(r.data.tags, "team") is not None,
    "status = 'FINISHED'": lambda r: r.info.status == "FINISHED",
    "start_time >= 3": lambda r: r.info.start_time >= 3,
    "end_time < 20": lambda r: r.info.end_time is not None and r.info.end_time < 20,
    "run_name = 'r7'": lambda r: r.info.run_name == "r7",
    "metrics.auc > 0.1 AND params.lr = '0.1' AND tags.team = 'blue'": lambda r: (
        _number(r) is not None
        and _number(r) > 0.1
        and value(r.data.params, "lr") == "0.1"
        and value(r.data.tags, "team") == "blue"
    ),
}


def _number(run):
    found = metric(run, "auc")
    return None if found is None or math.isnan(found) else found


def _by_metric(descending):
    def key(run):
        found = metric(run, "auc")
        if found is None:
            return (2, 0.0)
        if math.isnan(found):
            return (1, 0.0)
        return (0, -found if descending else found)

    return key


def _last(found, descending=False):
    return (found is None, (-found if descending else found) if found is not None else 0)


ORDERS = {
    (): lambda r: (),
    ("metrics.auc DESC",): _by_metric(True),
    ("metrics.auc",): _by_metric(False),
    ("params.lr", "metrics.auc DESC"): lambda r: (
        value(r.data.params, "lr") is None,
        value(r.data.params, "lr") or "",
        _by_metric(True)(r),
    ),
    ("metrics.auc DESC", "end_time DESC"): lambda r: (
        _by_metric(True)(r),
        _last(r.info.end_time, True),
    ),
    ("end_time",): lambda r: _last(r.info.end_time),
    ("tags.team DESC", "start_time ASC"): lambda r: (
        value(r.data.tags, "team") is None,
        [-ord(char) for char in value(r.data.tags, "team") or ""],
        r.info.start_time,
    ),
}


def reference(everything, text, order_by):
    matching = [run for run in everything if FILTERS[text](run)]
    newest = sorted(matching, key=lambda r: (-r.info.start_time, r.info.run_id))
    return sorted(newest, key=ORDERS[order_by])


def test_every_filter_and_order_agrees_with_plain_python(ask, filled) -> None:
    for experiments in (("0",), ("0", filled)):
        everything, _ = runs(ask, experiment_ids=experiments)
        assert len(everything) == (SIZE if len(experiments) == 2 else SIZE * 4 // 5)
        for text, order_by in itertools.product(FILTERS, ORDERS):
            found, _ = runs(ask, experiment_ids=experiments, filter=text, order_by=order_by)
            expected = reference(everything, text, order_by)
            assert names(found) == names(expected), (experiments, text, order_by)


@pytest.mark.parametrize("order_by", list(ORDERS), ids=lambda order: " ".join(order) or "default")
def test_pages_of_any_size_join_to_the_whole(ask, filled, order_by) -> None:
    whole, _ = runs(ask, order_by=order_by)
    for size in (1, 7, 31, 32):
        found, token = runs(ask, order_by=order_by, max_results=size)
        while token:
            more, token = runs(ask, order_by=order_by, max_results=size, page_token=token)
            found += more
        assert names(found) == names(whole)


def test_deleted_runs_are_a_view_of_their_own(ask, filled) -> None:
    everything, _ = runs(ask)
    ask(e.DELETE_RUN, GetRun(run_id=everything[0].info.run_id))
    assert names(runs(ask)[0]) == names(everything[1:])
    assert names(runs(ask, run_view_type="DELETED_ONLY")[0]) == names(everything[:1])
    assert names(runs(ask, run_view_type="ALL")[0]) == names(everything)


def test_datasets_can_be_asked_for(ask, filled) -> None:
    run = runs(ask)[0][3].info
    dataset = Dataset(name="flights", digest="d", source_type="t", source="s")
    given = DatasetInput(dataset=dataset, tags=(Tag("mlflow.data.context", "train"),))
    ask(e.LOG_INPUTS, LogInputs(run_id=run.run_id, datasets=(given,)))
    for text in (
        "dataset.name = 'flights'",
        "datasets.digest LIKE 'd%'",
        "dataset.context IN ('train', 'test')",
    ):
        assert names(runs(ask, filter=text)[0]) == [run.run_name]
    assert runs(ask, filter="dataset.context = 'test'")[0] == []


def test_patterns_have_no_other_special_characters(ask) -> None:
    for name in ("a*b", "a?b", "a[b", "a\\b", "axb", "a%b"):
        request = CreateRun(experiment_id="0", tags=(Tag("t", name),))
        ask(e.CREATE_RUN, request)

    def matching(pattern):
        found, _ = runs(ask, filter=f"tags.t LIKE '{pattern}'")
        return sorted(value(run.data.tags, "t") for run in found)

    assert matching("a*b") == ["a*b"]
    assert matching("a?_") == ["a?b"]
    assert matching("a[b%") == ["a[b"]
    assert matching("a\\b") == ["a\\b"]
    assert len(matching("a_b")) == 6


def test_hostile_text_is_only_ever_compared(ask, filled) -> None:
    text = "tags.team = 'x'' OR 1=1 --' AND params.`lr\"; DROP TABLE runs; --` = 'y'"
    assert runs(ask, filter=text) == ([], None)
    assert len(runs(ask)[0]) == SIZE * 4 // 5


def test_nothing_is_found_in_no_experiment(ask, filled) -> None:
    assert runs(ask, experiment_ids=()) == ([], None)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"max_results": 0},
            "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer",
        ),
        (
            {"max_results": 50_001},
            "Invalid value 50001 for parameter 'max_results' supplied. It must be at most 50000",
        ),
        (
            {"experiment_ids": ("x",)},
            "Invalid experiment ID 'x'. Experiment ID must be a valid integer.",
        ),
    ],
)
def test_a_question_is_refused_in_mlflows_words(ask, given, message) -> None:
    with pytest.raises(InvalidParameterError) as caught:
        runs(ask, **given)
    assert str(caught.value) == message
