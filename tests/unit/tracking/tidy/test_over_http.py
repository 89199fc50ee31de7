"""Tidying a running server: over HTTP, by command, in the right role and in the right shape."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from dovetail.tracking.cli import commands
from dovetail.tracking.piece import piece
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece
from dovetail.wire.http import Conflict, NotFound, Refused
from dovetail.wire.mlflow import Client as MlflowClient
from dovetail.wire.retention import Client as RetentionClient
from dovetail.wire.retention import Rule
from dovetail.wire.tidy import Client, Job, Plan, TidyRequest

MLFLOW = "/api/2.0/mlflow"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with run_piece(piece, state=tmp_path / "state") as running:
        yield running.url


def deleted_run(url: str) -> str:
    with MlflowClient(url) as client:
        run = str(client.create_run("0", name="old").info.run_id)
        client.log_metric(run, "auc", 0.5)
        client.put_artifact(f"0/{run}/artifacts/a.txt", b"hello")
    assert httpx.post(f"{url}{MLFLOW}/runs/delete", json={"run_id": run}).is_success
    return run


def finished(client: Client, job: Job) -> Job:
    for _ in range(200):
        if job.state != "running":
            return job
        time.sleep(0.02)
        job = client.job(job.id)
    raise AssertionError("the job does not end")


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(commands, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_plan_confirm_and_done(url: str) -> None:
    run = deleted_run(url)
    with Client(url) as client, MlflowClient(url) as mlflow:
        plan = client.plan(TidyRequest(grace_days=0))
        assert [(one.id, one.files, one.bytes) for one in plan.runs] == [(run, 1, 5)]
        job = finished(client, client.execute(plan.request, plan.confirm))
        assert (job.state, job.runs, job.files) == ("done", 1, 1)
        assert client.jobs() == [job]
        assert {entry.kind for entry in client.log()} == {"tidy.remove", "tidy.done"}
        with pytest.raises(NotFound) as error:
            mlflow.get_run(run)
        assert error.value.code == "RESOURCE_DOES_NOT_EXIST"
        with pytest.raises(Conflict, match="plan again"):
            client.execute(plan.request, plan.confirm)
        with pytest.raises(NotFound, match="job 'x' does not exist"):
            client.job("x")


def test_errors_are_problem_details(url: str) -> None:
    wrong = httpx.post(f"{url}/api/tracking/tidy/plan", json={"grace_day": 3})
    assert wrong.status_code == 400
    assert wrong.headers["content-type"] == "application/problem+json"
    assert "grace_day" in wrong.json()["detail"]
    absent = httpx.post(f"{url}/api/tracking/tidy/plan", json={"runs": ["x"]})
    assert (absent.status_code, absent.json()["title"]) == (404, "run x does not exist")


def test_a_viewer_looks_an_editor_plans_an_admin_removes(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with run_piece(piece, state=state, auth=True) as running:
        tokens = Tokens(f"sqlite:///{state / 'web.db'}")
        secrets = {role: tokens.create(role, role) for role in ("viewer", "editor", "admin")}
        tokens.close()
        admin = {"Authorization": f"Bearer {secrets['admin']}"}
        made = httpx.post(
            f"{running.url}{MLFLOW}/runs/create", json={"experiment_id": "0"}, headers=admin
        )
        run = made.json()["run"]["info"]["run_id"]
        httpx.post(f"{running.url}{MLFLOW}/runs/delete", json={"run_id": run}, headers=admin)
        everything = TidyRequest(grace_days=0)
        with Client(running.url, token=secrets["viewer"]) as viewer:
            assert viewer.jobs() == []
            with pytest.raises(Refused):
                viewer.plan(everything)
        with Client(running.url, token=secrets["editor"]) as editor:
            plan = editor.plan(everything)
            with pytest.raises(Refused, match="needs the role admin"):
                editor.execute(plan.request, plan.confirm)
            with pytest.raises(Refused, match="needs the role admin"):
                editor.compact()
        with RetentionClient(running.url, token=secrets["editor"]) as editor:
            assert editor.check("0", Rule(keep_newest=1)).keep == {}
            with pytest.raises(Refused, match="needs the role admin"):
                editor.put("0", Rule(keep_newest=1))
        with Client(running.url, token=secrets["admin"]) as client:
            job = finished(client, client.execute(plan.request, plan.confirm))
            assert (job.state, job.actor) == ("done", "admin")
            assert {entry.actor for entry in client.log()} == {"admin"}


def test_a_removal_that_was_under_way_goes_on_at_the_next_start(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with run_piece(piece, state=state) as running, Client(running.url) as client:
        deleted_run(running.url)
        plan = client.plan(TidyRequest(grace_days=0))
        job = client.execute(plan.request, plan.confirm)
    with run_piece(piece, state=state) as running, Client(running.url) as client:
        assert finished(client, job).state == "done"
    assert list((state / "artifacts").rglob("a.txt")) == []


def test_the_command_plans_first_and_removes_what_is_confirmed(url: str) -> None:
    run = deleted_run(url)
    common = ("tidy", "--url", url, "--grace-days", "0")
    shown = invoke(*common)
    assert run in shown
    assert "Nothing was removed yet." in shown
    mark = shown.split("--confirm ")[1].strip()
    assert "Removed 0 experiments, 1 runs" in invoke(*common, "--confirm", mark)
    assert "Nothing to remove." in invoke(*common)
    deleted_run(url)
    assert '"state": "done"' in invoke(*common, "--yes", "--json")


def test_rules_sizes_and_space_by_command(url: str) -> None:
    run = deleted_run(url)
    httpx.post(f"{url}{MLFLOW}/runs/restore", json={"run_id": run})
    ended = {"run_id": run, "status": "FINISHED", "end_time": 1}
    httpx.post(f"{url}{MLFLOW}/runs/update", json=ended)
    rule = ("--keep-days", "0", "--keep-best", "loss:2:min", "--grace-days", "0")
    said = invoke("retention", "put", "0", *rule, "--url", url)
    assert "dovetail tracking retention check 0" in said
    listed = invoke("retention", "list", "--url", url)
    assert "best 2 by loss; gone after 0 days" in listed
    assert "1 runs would be deleted" in invoke("retention", "check", "0", "--url", url)
    assert "Deleted 1 runs" in invoke("retention", "run", "0", "--url", url)
    assert "has no rule any more" in invoke("retention", "delete", "0", "--url", url)
    assert invoke("retention", "list", "--url", url, "--json").strip() == "[]"
    invoke("sizes", "--measure", "--url", url)
    for _ in range(200):
        shown = invoke("sizes", "--url", url)
        if "Being measured" not in shown:
            break
        time.sleep(0.02)
    assert "Default" in shown
    assert "Database: " in invoke("compact", "--url", url)


def test_rules_over_http_are_checked_and_need_their_roles(url: str) -> None:
    rules = f"{url}/api/tracking/retention"
    assert httpx.put(f"{rules}/0", json={"keep_newest": 0}).status_code == 400
    assert httpx.put(f"{rules}/0", json={"keep": 3}).status_code == 400
    assert httpx.put(f"{rules}/88", json={"keep_newest": 3}).status_code == 404
    assert httpx.get(f"{rules}/0").status_code == 404
    assert httpx.put(f"{rules}/0", json={"keep_newest": 3}).json()["set_by"] == "local"
    assert httpx.post(f"{rules}/0/preview", json={}).json()["delete"] == []
    assert httpx.delete(f"{rules}/0").status_code == 204
    assert httpx.delete(f"{rules}/0").status_code == 404


def test_pages_and_their_twins_say_the_same(url: str) -> None:
    run = deleted_run(url)
    page = httpx.get(f"{url}/tracking/tidy?plan=1&grace_days=0")
    assert run in page.text
    twin = httpx.get(f"{url}/tracking/tidy.json?plan=1&grace_days=0").json()
    assert [one["id"] for one in twin["plan"]["runs"]] == [run]
    wrong = httpx.get(f"{url}/tracking/tidy?plan=1&grace_days=soon")
    assert "is not a number" in wrong.text
    form = {"grace_days": "0", "orphans": "find", "confirm": twin["plan"]["confirm"]}
    done = httpx.post(f"{url}/tracking/tidy/execute", data=form)
    assert done.status_code == 303
    assert httpx.get(f"{url}{done.headers['location']}.json").json()["job"]["runs"] == 1
    again = httpx.post(f"{url}/tracking/tidy/execute", data=form)
    assert "changed=1" in again.headers["location"]
    assert httpx.get(f"{url}/tracking/tidy/rules/0.json").json()["current"] is None
    assert httpx.get(f"{url}/tracking/tidy/rules/77").status_code == 404


def test_the_command_names_things(url: str) -> None:
    run = deleted_run(url)
    shown = invoke("tidy", "--url", url, "--run", run, "--orphans", "leave", "--json")
    plan = msgspec.json.decode(shown, type=Plan)
    assert [one.id for one in plan.runs] == [run]
