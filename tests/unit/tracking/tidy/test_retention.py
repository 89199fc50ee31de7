"""What a retention rule keeps, what it deletes, and what is remembered of it."""

from datetime import timedelta

import pytest

from dovetail.base.errors import NotFoundError
from dovetail.tracking.errors import MissingResourceError
from dovetail.tracking.tidy.retention import Retention
from dovetail.wire import mlflow as m
from dovetail.wire.mlflow import endpoints as e
from dovetail.wire.retention import Best, Rule
from dovetail.wire.tidy import TidyRequest


@pytest.fixture
def retention(store) -> Retention:
    return Retention(store.database, store.tidy, store.backend.now)


def ended_run(store, auc: float = 0.5, **tags: str) -> str:
    """A finished run that started and ended at the present time of the test's clock."""
    now = store.backend.now()
    run = store.ask(e.CREATE_RUN, m.CreateRun(experiment_id="0", start_time=now)).run.info.run_id
    labels = tuple(m.Tag(key, value) for key, value in tags.items())
    store.ask(
        e.LOG_BATCH, m.LogBatch(run_id=run, metrics=(m.Metric("auc", auc, 1, 1),), tags=labels)
    )
    store.ask(e.UPDATE_RUN, m.UpdateRun(run_id=run, status="FINISHED", end_time=now))
    return str(run)


def stage(store, run: str) -> str:
    return str(store.ask(e.GET_RUN, m.GetRun(run_id=run)).run.info.lifecycle_stage)


def test_each_part_of_a_rule_keeps_its_runs_and_the_rest_is_deleted(store, retention) -> None:
    surplus = ended_run(store)
    best = ended_run(store, 0.9)
    tagged = ended_run(store, keep="yes")
    other_tag = ended_run(store, keep="no")
    registered = ended_run(store)
    store.version("flights", source=f"runs:/{registered}/m", run_id=registered)
    maker = ended_run(store)
    model = store.model(maker)
    store.version("flights", source=f"models:/{model}", model_id=model)
    store.later(days=100)
    young = ended_run(store, 0.1)
    running = store.ask(e.CREATE_RUN, m.CreateRun(experiment_id="0")).run.info.run_id
    newest = ended_run(store)
    rule = Rule(
        keep_newest=1, keep_days=7, keep_tagged=("keep=yes",), keep_best=(Best(metric="auc"),)
    )
    retention.put("0", rule, "ada")
    seen = retention.preview("0")
    assert {run.id for run in seen.delete} == {surplus, other_tag}
    assert seen.keep == {
        "not finished": 1,
        "a model version stands on it": 2,
        "the newest 1": 1,
        "younger than 7 days": 1,
        "tagged keep=yes": 1,
        "best 1 by auc": 1,
    }
    assert stage(store, surplus) == "active"
    applied = retention.apply("0", "bob")
    assert (applied.deleted, applied.job) == (2, None)
    gone = {run for run in (surplus, other_tag) if stage(store, run) == "deleted"}
    assert gone == {surplus, other_tag}
    for run in (best, tagged, registered, maker, young, running, newest):
        assert stage(store, run) == "active"
    set_, deleted = reversed(store.tidy.log(10, None))
    assert (set_.kind, set_.actor, set_.subject) == ("retention.set", "ada", "experiments/0")
    assert (deleted.kind, deleted.actor) == ("retention.delete", "bob")
    assert deleted.body == {"runs": sorted(gone)}
    store.ask(e.RESTORE_RUN, m.GetRun(run_id=surplus))
    assert stage(store, surplus) == "active"


def test_what_a_rule_deleted_goes_for_good_after_its_grace_period(store, retention) -> None:
    old = ended_run(store)
    store.later(days=10)
    retention.put("0", Rule(keep_days=7, grace_days=14), "ada")
    assert retention.apply("0", "ada").deleted == 1
    store.later(days=13)
    assert (retention.preview("0").purge, retention.apply("0", "ada").job) == (0, None)
    store.later(days=2)
    assert retention.preview("0").purge == 1
    applied = retention.apply("0", "ada")
    assert applied.job is not None
    assert store.tidy.resume() is False
    job = store.tidy.job(applied.job)
    assert (job.state, job.cause, job.runs) == ("done", "retention", 1)
    with pytest.raises(MissingResourceError):
        stage(store, old)


def test_a_rule_without_a_limit_deletes_nothing(store, retention) -> None:
    ended_run(store)
    seen = retention.preview("0", Rule(keep_tagged=("a",)))
    assert (seen.delete, seen.keep) == ((), {"no limit is set": 1})


def test_rules_are_applied_once_a_day(store, retention) -> None:
    assert retention.daily(lambda: False) is False
    first = ended_run(store)
    store.later(days=2)
    retention.put("0", Rule(keep_days=1), "ada")
    assert retention.daily(lambda: False) is True
    assert stage(store, first) == "deleted"
    second = ended_run(store)
    store.later(hours=23)
    assert retention.daily(lambda: False) is False
    store.clock.advance(timedelta(hours=2))
    assert retention.daily(lambda: False) is True
    assert stage(store, second) == "deleted"
    assert store.tidy.log(1, None)[0].actor == "retention rule of ada"


def test_histories_are_thinned_and_keep_their_ends_and_spikes(store, retention) -> None:
    run = store.run(points=0, finished=False)
    values = [0.5] * 3000
    values[1234], values[2345] = 9.0, -9.0
    points = tuple(m.Metric("loss", value, i, i) for i, value in enumerate(values))
    for start in range(0, 3000, 1000):
        store.ask(e.LOG_BATCH, m.LogBatch(run_id=run, metrics=points[start : start + 1000]))
    store.ask(e.LOG_BATCH, m.LogBatch(run_id=run, metrics=(m.Metric("short", 1.0, 1, 1),)))
    end = store.backend.now()
    store.ask(e.UPDATE_RUN, m.UpdateRun(run_id=run, status="FINISHED", end_time=end))
    rule = Rule(thin_to=50, thin_after_days=7)
    retention.put("0", rule, "ada")
    assert retention.preview("0").thin == ()
    store.later(days=8)
    seen = retention.preview("0")
    assert [(one.run_id, one.key, one.points) for one in seen.thin] == [(run, "loss", 3000)]
    assert seen.points == 2950
    gone = retention.thin(lambda: False)
    left = store.ask(e.GET_METRIC_HISTORY, m.GetMetricHistory(run_id=run, metric_key="loss"))
    kept = {metric.step: metric.value for metric in left.metrics}
    assert len(kept) == 3000 - gone <= 50
    assert (kept[0], kept[2999], kept[1234], kept[2345]) == (0.5, 0.5, 9.0, -9.0)
    newest = store.ask(e.GET_RUN, m.GetRun(run_id=run)).run.data.metrics
    assert {metric.key: metric.step for metric in newest} == {"loss": 2999, "short": 1}
    assert retention.preview("0").thin == ()
    assert retention.thin(lambda: False) == 0
    entry = store.tidy.log(1, None)[0]
    assert (entry.kind, entry.body) == (
        "retention.thin",
        {"run": run, "removed": {"loss": gone}, "to": 50},
    )
    retention.put("0", Rule(thin_to=10, thin_after_days=7), "ada")
    assert [one.points for one in retention.preview("0").thin] == [3000 - gone]


def test_rules_are_listed_replaced_and_removed(store, retention) -> None:
    retention.put("0", Rule(keep_newest=5), "ada")
    retention.put("0", Rule(keep_newest=6), "bob")
    (only,) = retention.rules()
    assert (only.name, only.rule.keep_newest, only.set_by) == ("Default", 6, "bob")
    retention.delete("0", "ada")
    assert retention.rules() == []
    with pytest.raises(NotFoundError, match="has no retention rule"):
        retention.delete("0", "ada")
    with pytest.raises(MissingResourceError):
        retention.put("77", Rule(), "ada")
    with pytest.raises(NotFoundError, match="an id is a number"):
        retention.preview("x")


def test_a_rule_goes_with_its_experiment(store, retention) -> None:
    number = store.experiment("gone")
    retention.put(number, Rule(keep_newest=5), "ada")
    store.delete_experiment(number)
    store.tidy.carry_out(store.tidy.plan(TidyRequest(grace_days=0)), "ada", "request")
    store.tidy.resume()
    assert retention.rules() == []
    assert "retention_rules" not in store.counts()
