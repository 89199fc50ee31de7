"""Snapshots, exports and uploads on SQLite and PostgreSQL, and several made at once."""

from concurrent.futures import ThreadPoolExecutor

from tests.unit.labels.server.conftest import GOOD, Api, on_database

from dovetail.wire.labels import Client

__all__ = ["on_database"]


def filled(api: Api) -> int:
    project = api.project()
    (task,) = api.load(project, [{"text": "fine"}])
    api.post(f"/api/tasks/{task}/annotations/", {"result": GOOD})
    return project


def test_snapshots_exports_and_uploads_are_kept(on_database: Api) -> None:
    project = filled(on_database)
    path = f"/api/projects/{project}"
    uploaded = on_database.http.post(f"{path}/import", files={"file": ("a.csv", b"text\nmore\n")})
    assert uploaded.json()["task_count"] == 1
    assert len(on_database.get(f"{path}/file-uploads")) == 1
    made = on_database.post(f"{path}/exports/", {"task_filter_options": {"finished": "only"}})
    on_database.post(f"{path}/exports/{made['id']}/convert", {"export_type": "CSV"}, status=200)
    (listed,) = on_database.get(f"{path}/exports/")
    assert (listed["counters"], len(listed["converted_formats"])) == ({"task_number": 1}, 1)
    with Client(on_database.url) as labels:
        first = labels.make(project, "gold")
        assert labels.make(project, "gold") == first
        assert labels.snapshot(project, "gold@1") == first
        assert labels.verify(project, "gold").ok
    on_database.delete(f"{path}/exports/{made['id']}")
    on_database.delete(path)


def test_snapshots_that_are_made_at_once_are_versions_one_after_the_other(
    on_database: Api,
) -> None:
    project = filled(on_database)

    def make(n: int) -> int:
        on_database.load(project, [{"text": f"more {n}"}])
        with Client(on_database.url) as labels:
            return labels.make(project, "gold").version

    with ThreadPoolExecutor(4) as pool:
        versions = sorted(pool.map(make, range(8)))
    with Client(on_database.url) as labels:
        kept = [one.version for one in labels.snapshots(project)]
    assert sorted(kept) == list(range(1, len(kept) + 1))
    assert set(versions) == set(kept)
