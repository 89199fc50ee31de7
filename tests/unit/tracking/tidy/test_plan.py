"""What a plan holds: what goes, what stays and why, and what makes it void."""

import msgspec
import pytest

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.tracking.errors import PlanChangedError
from dovetail.wire import mlflow as m
from dovetail.wire.mlflow import endpoints as e
from dovetail.wire.tidy import Confirmed, Plan, TidyRequest


def confirmed(plan: Plan, **changes: object) -> Confirmed:
    fields = {**msgspec.structs.asdict(plan.request), **changes}
    return Confirmed(**fields, confirm=plan.confirm)


def kept(plan: Plan) -> dict[tuple[str, str], str]:
    return {(one.kind, one.id): one.why for one in plan.kept}


def test_only_what_is_deleted_for_longer_than_the_grace_period_goes(store) -> None:
    active, old = store.run(), store.run()
    store.delete_run(old)
    store.later(days=31)
    recent = store.run()
    store.delete_run(recent)
    before = store.counts(), store.files()
    plan = store.tidy.plan(TidyRequest())
    assert [run.id for run in plan.runs] == [old]
    assert {active, recent}.isdisjoint({run.id for run in plan.runs})
    assert plan.request.grace_days == 30
    assert plan.rows == {
        **{"runs": 1, "metrics": 3, "latest_metrics": 1, "params": 1},
        **{"tags": 2, "inputs": 1},
    }
    assert (plan.files, plan.bytes, plan.counted, plan.elsewhere) == (1, 5, True, ())
    assert (store.counts(), store.files()) == before
    shorter = store.tidy.plan(TidyRequest(grace_days=0))
    assert {run.id for run in shorter.runs} == {old, recent}


def test_an_experiment_goes_with_its_runs_and_models(store) -> None:
    number = store.experiment("gone")
    run = store.run(number)
    model = store.model(run, number)
    store.file(f"{number}/notes/readme", b"abc")
    store.delete_experiment(number)
    store.later(days=31)
    plan = store.tidy.plan(TidyRequest())
    assert [(one.id, one.name, one.files, one.bytes) for one in plan.experiments] == [
        (number, "gone", 3, 15)
    ]
    assert ([one.id for one in plan.runs], [one.id for one in plan.models]) == ([run], [model])
    assert (plan.files, plan.bytes, plan.kept) == (3, 15, ())


def test_what_a_version_stands_on_stays_and_the_plan_says_why(store) -> None:
    number = store.experiment("gone")
    by_id, by_source, maker, free = (store.run(number) for _ in range(4))
    model = store.model(maker, number)
    store.version("a", source=f"mlflow-artifacts:/{number}/{by_id}/artifacts/m", run_id=by_id)
    store.version("a", source=f"runs:/{by_source}/m", run_id=by_source)
    store.version("b", source=f"models:/{model}", model_id=model)
    store.ask(e.SET_ALIAS, m.SetAlias(name="b", alias="champion", version="1"))
    store.delete_experiment(number)
    store.later(days=31)
    plan = store.tidy.plan(TidyRequest())
    assert [run.id for run in plan.runs] == [free]
    assert (plan.experiments, plan.models) == ((), ())
    found = kept(plan)
    assert found["run", by_id] == "version 1 of a points at it"
    assert found["run", by_source] == "version 2 of a points at it"
    assert found["model", model] == "version 1 of b (@champion) points at it"
    assert found["run", maker] in (
        f"it made the logged model {model}, which stays",
        "version 1 of b (@champion) points at it",
    )
    assert found["experiment", number].endswith("stays")
    store.ask(e.DELETE_MODEL_VERSION, m.GetModelVersion(name="a", version="1"))
    assert {run.id for run in store.tidy.plan(TidyRequest()).runs} == {free, by_id}


def test_a_model_that_a_remaining_run_reads_stays_with_the_run_that_made_it(store) -> None:
    maker, reader = store.run(), store.run()
    model = store.model(maker)
    store.ask(e.LOG_INPUTS, m.LogInputs(run_id=reader, models=(m.ModelInput(model),)))
    store.delete_run(maker)
    plan = store.tidy.plan(TidyRequest(grace_days=0))
    assert (plan.runs, plan.models) == ((), ())
    assert kept(plan)["model", model] == f"the run {reader} uses it"
    store.delete_run(reader)
    both = store.tidy.plan(TidyRequest(grace_days=0))
    assert {run.id for run in both.runs} == {maker, reader}
    assert [one.id for one in both.models] == [model]


def test_what_is_named_goes_at_once_but_not_while_it_runs(store) -> None:
    done, running, other = store.run(), store.run(finished=False), store.run()
    model = store.model(done)
    plan = store.tidy.plan(TidyRequest(runs=(done, running)))
    assert ([one.id for one in plan.runs], [one.id for one in plan.models]) == ([done], [model])
    assert kept(plan) == {("run", running): "it is still running"}
    assert other not in {one.id for one in plan.runs}


@pytest.mark.parametrize(
    "names", [{"runs": ("0" * 32,)}, {"models": ("m-1",)}, {"experiments": ("77",)}], ids=str
)
def test_a_name_that_does_not_exist_is_refused(store, names: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        store.tidy.plan(TidyRequest(**names))


def test_the_default_experiment_stays(store) -> None:
    store.run()
    plan = store.tidy.plan(TidyRequest(experiments=("0",)))
    assert kept(plan) == {("experiment", "0"): "the default experiment is made anew at each start"}
    assert len(plan.runs) == 1


@pytest.mark.parametrize("change", ["restore", "register", "more"])
def test_a_plan_is_void_once_the_store_has_changed_in_a_way_that_matters(store, change) -> None:
    run, other = store.run(), store.run()
    store.delete_run(run)
    plan = store.tidy.plan(TidyRequest(grace_days=0))
    before = store.counts()
    if change == "restore":
        store.ask(e.RESTORE_RUN, m.GetRun(run_id=run))
    if change == "register":
        store.version("a", source=f"runs:/{run}/m", run_id=run)
        before = store.counts()
    asked = confirmed(plan, grace_days=1) if change == "more" else confirmed(plan)
    with pytest.raises(PlanChangedError, match="plan again"):
        store.tidy.execute(asked, "ada")
    assert (store.counts(), len(store.files())) == (before, 2)
    assert other


def test_what_does_not_matter_leaves_a_plan_valid(store) -> None:
    run = store.run()
    store.delete_run(run)
    plan = store.tidy.plan(TidyRequest(grace_days=0))
    later = store.run()
    store.delete_run(later)
    store.later(hours=1)
    assert store.tidy.execute(confirmed(plan), "ada").runs == 1
    assert [one.id for one in store.tidy.plan(TidyRequest(grace_days=0)).runs] == [later]


@pytest.mark.parametrize("mark", ["", "yes", "99999999999999-abc", "-1-abc"])
def test_only_a_plans_mark_confirms(store, mark: str) -> None:
    with pytest.raises(InvalidInputError, match="does not confirm a plan"):
        store.tidy.execute(Confirmed(confirm=mark), "ada")


def test_files_without_an_owner_are_found_and_go_only_when_asked(store) -> None:
    number = store.experiment("kept")
    run = store.run(number)
    model = store.model(run, number)
    lost = ["77/x/artifacts/a", f"{number}/{'f' * 32}/artifacts/b", f"{number}/models/m-9/c"]
    for path in [*lost, "stray.txt"]:
        store.file(path, b"123", days_old=40)
    store.file("88/uploading/now", b"1")
    store.file(f"{number}/traces/t1/data", b"1", days_old=40)
    assert store.tidy.plan(TidyRequest(orphans="leave")).orphans == ()
    found = store.tidy.plan(TidyRequest())
    assert [(one.path, one.files, one.bytes) for one in found.orphans] == [
        (f"{number}/{'f' * 32}", 1, 3),
        (f"{number}/models/m-9", 1, 3),
        ("77", 1, 3),
        ("stray.txt", 1, 3),
    ]
    assert found.is_empty()
    plan = store.tidy.plan(TidyRequest(orphans="remove"))
    store.tidy.execute(confirmed(plan), "ada")
    assert store.tidy.resume() is False
    assert store.files() == sorted(
        [
            f"{number}/{run}/artifacts/notes.txt",
            f"{number}/models/{model}/artifacts/MLmodel",
            f"{number}/traces/t1/data",
            "88/uploading/now",
        ]
    )


def test_datasets_that_no_run_reads_are_counted_and_go_only_when_asked(store) -> None:
    run = store.run()
    store.tidy.execute(confirmed(store.tidy.plan(TidyRequest(runs=(run,)))), "ada")
    store.tidy.resume()
    plan = store.tidy.plan(TidyRequest(orphans="remove"))
    assert (plan.orphan_datasets, store.counts()["datasets"]) == (1, 1)
    store.tidy.execute(confirmed(plan), "ada")
    store.tidy.resume()
    assert "datasets" not in store.counts()


def test_a_folder_that_two_experiments_share_stays_with_the_other(store) -> None:
    gone = store.experiment("gone", artifact_location="mlflow-artifacts:/shared")
    stays = store.experiment("stays", artifact_location="mlflow-artifacts:/shared")
    mine = store.ask(e.CREATE_RUN, m.CreateRun(experiment_id=gone)).run.info.run_id
    theirs = store.ask(e.CREATE_RUN, m.CreateRun(experiment_id=stays)).run.info.run_id
    store.file(f"shared/{mine}/artifacts/a", b"1")
    store.file(f"shared/{theirs}/artifacts/a", b"1")
    store.delete_experiment(gone)
    plan = store.tidy.plan(TidyRequest(grace_days=0))
    store.tidy.execute(confirmed(plan), "ada")
    store.tidy.resume()
    assert store.files() == [f"shared/{theirs}/artifacts/a"]


def test_locations_out_of_reach_are_named(store) -> None:
    number = store.experiment("far", artifact_location="s3://bucket/far")
    run = store.run(number)
    store.delete_run(run)
    plan = store.tidy.plan(TidyRequest(grace_days=0))
    assert plan.elsewhere == (f"s3://bucket/far/{run}/artifacts",)
    assert [one.id for one in plan.runs] == [run]
