"""What is gone afterwards, what is untouched, and what is remembered."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from dovetail.base.artifacts import LocalStore
from dovetail.tracking.errors import MissingResourceError
from dovetail.tracking.store.schema import metrics, runs
from dovetail.tracking.store.traces_schema import trace_runs
from dovetail.tracking.tidy.rows import Pace
from dovetail.wire import mlflow as m
from dovetail.wire.mlflow import endpoints as e
from dovetail.wire.mlflow import trace_endpoints
from dovetail.wire.tidy import Job, TidyRequest


def begin(store, **asked: object) -> Job:
    """Plan and confirm, without carrying it out yet."""
    return store.tidy.carry_out(store.tidy.plan(TidyRequest(**asked)), "ada", "request")


def remove(store, **asked: object) -> Job:
    job = begin(store, **asked)
    assert store.tidy.resume() is False
    return store.tidy.job(job.id)


def points(store, run: str) -> list[float]:
    found = store.ask(e.GET_METRIC_HISTORY, m.GetMetricHistory(run_id=run, metric_key="auc"))
    return [metric.value for metric in found.metrics]


def test_an_experiment_is_gone_with_everything_and_its_name_is_free(store) -> None:
    kept = store.run()
    store.version("flights", source=f"runs:/{kept}/m", run_id=kept)
    before, files = store.counts(), store.files()
    number = store.experiment("flights")
    run = store.run(number)
    model = store.model(run, number)
    store.delete_experiment(number)
    job = remove(store, grace_days=0)
    assert (job.state, job.experiments, job.runs, job.models, job.left) == ("done", 1, 1, 1, 0)
    assert (job.files, job.bytes, job.actor) == (2, 12, "ada")
    after = store.counts()
    assert {name: n for name, n in after.items() if not name.startswith("tidy")} == before
    assert sum(before.values()) + job.rows > sum(before.values())
    assert store.files() == files
    with pytest.raises(MissingResourceError):
        store.ask(e.GET_RUN, m.GetRun(run_id=run))
    with pytest.raises(MissingResourceError):
        store.ask(e.GET_EXPERIMENT, m.GetExperiment(number))
    with pytest.raises(MissingResourceError):
        store.ask(e.GET_LOGGED_MODEL, m.GetLoggedModel(model, allow_deleted=True))
    assert store.experiment("flights") != number
    assert points(store, kept) == [0.0, 0.1, 0.2]


def test_the_traces_of_an_experiment_go_with_it_and_those_of_others_stay(store) -> None:
    def trace(name: str, experiment: str, run: str) -> None:
        info = m.TraceInfo(
            trace_id=name,
            trace_location=m.TraceLocation("MLFLOW_EXPERIMENT", m.ExperimentLocation(experiment)),
            tags={"a": "b"},
            trace_metadata={"mlflow.sourceRun": run},
        )
        store.ask(trace_endpoints.START_TRACE, m.StartTrace(m.Trace(info)))

    trace("tr-kept", "0", store.run())
    before = store.counts()
    number = store.experiment("flights")
    run = store.run(number)
    for i in range(250):
        trace(f"tr-{i}", number, run)
    store.delete_experiment(number)
    assert remove(store, grace_days=0).state == "done"
    after = store.counts()
    assert {name: n for name, n in after.items() if not name.startswith("tidy")} == before


def test_what_goes_is_invisible_from_the_first_moment_and_cannot_be_brought_back(store) -> None:
    number = store.experiment("flights")
    run = store.run(number)
    model = store.model(run, number)
    store.delete_experiment(number)
    begin(store, grace_days=0)
    for endpoint, request in (
        (e.GET_RUN, m.GetRun(run_id=run)),
        (e.RESTORE_RUN, m.GetRun(run_id=run)),
        (e.SET_TAG, m.SetTag(run_id=run, key="a", value="b")),
        (e.GET_EXPERIMENT, m.GetExperiment(number)),
        (e.RESTORE_EXPERIMENT, m.GetExperiment(number)),
        (e.GET_EXPERIMENT_BY_NAME, m.GetExperimentByName("flights")),
        (e.GET_LOGGED_MODEL, m.GetLoggedModel(model)),
        (e.CREATE_RUN, m.CreateRun(experiment_id=number)),
    ):
        with pytest.raises(MissingResourceError):
            store.ask(endpoint, request)
    everything = m.SearchRuns(experiment_ids=(number,), run_view_type="ALL")
    assert store.ask(e.SEARCH_RUNS, everything).runs == ()
    listed = store.ask(e.SEARCH_EXPERIMENTS, m.SearchExperiments(max_results=10, view_type="ALL"))
    assert [one.name for one in listed.experiments] == ["Default"]
    assert store.tidy.plan(TidyRequest(grace_days=0)).is_empty()
    store.experiment("flights")


def test_a_new_run_never_gets_the_points_of_one_that_is_being_removed(store) -> None:
    last = store.run(points=50)
    begin(store, runs=(last,))
    fresh = store.ask(e.CREATE_RUN, m.CreateRun(experiment_id="0")).run.info.run_id
    assert points(store, fresh) == []
    store.tidy.resume()
    assert points(store, fresh) == []
    again = store.run(points=2)
    assert points(store, again) == [0.0, 0.1]


def test_a_long_history_goes_in_pieces_that_other_writes_come_between(store, monkeypatch) -> None:
    run, other = store.run(points=0), store.run()
    key = store.database.read(lambda c: c.scalar(sa.select(runs.c.id).where(runs.c.run_id == run)))
    rows = [
        {"run": key, "key": f"k{i % 3}", "step": i, "timestamp": 1, "value": 0.5, "is_nan": False}
        for i in range(9000)
    ]
    store.database.write(lambda c: c.execute(sa.insert(metrics), rows))
    sizes: list[int] = []
    timed = Pace.timed

    def watched(self: Pace, database: object, work: object) -> int:
        self.rows = min(self.rows, 400)
        sizes.append(timed(self, database, work))
        return sizes[-1]

    monkeypatch.setattr(Pace, "timed", watched)
    job = remove(store, runs=(run,))
    assert len(sizes) >= 9
    assert max(sizes) <= 2000
    assert sum(sizes) > 8000
    assert job.rows == 9000 + 2 + 1 + 1 + 1 + 1
    assert points(store, other) == [0.0, 0.1, 0.2]


def test_files_that_cannot_be_removed_now_are_tried_again(store, monkeypatch) -> None:
    run, other = store.run(), store.run()
    store.delete_run(run)
    store.delete_run(other)
    delete = LocalStore.delete

    def refuse(self: LocalStore, path: str) -> None:
        if run in path:
            raise PermissionError(13, "Permission denied")
        delete(self, path)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "delete", refuse)
        job = begin(store, grace_days=0)
        assert store.tidy.resume() is True
        found = store.tidy.job(job.id)
        assert (found.state, found.left) == ("waiting", 1)
        assert "Permission denied" in found.problem
        assert [path for path in store.files() if other in path] == []
    assert store.tidy.resume() is False
    done = store.tidy.job(job.id)
    assert (done.state, done.left, done.problem, done.files) == ("done", 0, "", 2)
    assert store.files() == []


def test_every_removal_is_in_a_record_that_can_be_verified(store) -> None:
    number = store.experiment("flights")
    run = store.run(number)
    store.delete_experiment(number)
    job = remove(store, grace_days=0)
    done, removed = store.tidy.log(10, None)
    assert (removed.kind, removed.actor, removed.subject) == (
        "tidy.remove",
        "ada",
        f"experiments/{number}",
    )
    assert removed.body == {
        "job": job.id,
        "cause": "request",
        "experiment": "flights",
        "runs": [run],
        "models": [],
    }
    assert (done.kind, done.body["files"]) == ("tidy.done", 1)
    assert store.tidy.record.verify() == 2


def test_links_of_traces_go_with_their_run(store) -> None:
    run, other = store.run(), store.run()
    rows = [{"run_id": one, "trace_id": "tr-1"} for one in (run, other)]
    store.database.write(lambda c: c.execute(sa.insert(trace_runs), rows))
    remove(store, runs=(run,))
    left = store.database.read(lambda c: c.scalars(sa.select(trace_runs.c.run_id)).all())
    assert left == [other]


def test_what_two_plans_share_goes_once(store) -> None:
    run = store.run()
    store.delete_run(run)
    plan = store.tidy.plan(TidyRequest(grace_days=0))
    store.tidy.carry_out(plan, "ada", "request")
    store.clock.advance(timedelta(seconds=1))
    with pytest.raises(Exception, match="nothing was removed"):
        store.tidy.carry_out(plan, "bob", "request")
    store.tidy.resume()
    assert [job.actor for job in store.tidy.jobs()] == ["ada"]
