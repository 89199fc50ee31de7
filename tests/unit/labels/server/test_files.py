"""Files through the server: uploads, what tasks show of them, exports in all formats."""

import io
import json
import zipfile

import httpx
import pytest
from tests.unit.labels.server.conftest import GOOD, Api

IMAGES = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
    '<Label value="cat"/></RectangleLabels></View>'
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))


def send(labels: Api, project: int, *files: tuple[str, bytes], query: str = "", status: int = 201):
    form = [("file", (name, content)) for name, content in files]
    path = f"/api/projects/{project}/import?return_task_ids=true{query}"
    answer = labels.http.post(path, files=form)
    assert answer.status_code == status, answer.text
    return answer.json()


def data_of(labels: Api, project: int) -> list[dict]:
    found = labels.get(f"/api/projects/{project}/export?download_all_tasks=true")
    return [task["data"] for task in found]


def test_a_table_and_lines_become_tasks_in_one_import(labels):
    project = labels.project()
    report = send(labels, project, ("a.csv", b"text,n\nhello,1\n'=x,2\n"), ("b.txt", b"line\n"))
    assert report["task_count"] == len(report["task_ids"]) == 3
    assert report["found_formats"] == {".csv": 1, ".txt": 1}
    assert report["could_be_tasks_list"]
    assert len(report["file_upload_ids"]) == 2
    assert data_of(labels, project) == [
        {"text": "hello", "n": 1}, {"text": "=x", "n": 2}, {"text": "line"},
    ]  # fmt: skip
    listed = labels.get(f"/api/projects/{project}/file-uploads")
    assert [one["file"] for one in listed] == ["a.csv", "b.txt"]


def test_a_fault_in_one_file_imports_none(labels, tmp_path):
    project = labels.project(label_config=IMAGES)
    said = send(labels, project, ("a.png", PNG), ("b.csv", b"image,image\n1,2\n"), status=400)
    assert said["validation_errors"]["non_field_errors"][0].startswith(
        "b.csv, line 1, column 2: there are two columns 'image'."
    )
    assert data_of(labels, project) == []
    assert [path for path in tmp_path.rglob("*a.png")] == []


def test_pictures_of_a_zip_are_kept_and_shown(labels):
    project = labels.project(label_config=IMAGES)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("cats/a b.png", PNG)
        archive.writestr("dogs/ü<>.jpg", b"jpeg")
    send(labels, project, ("pics.zip", buffer.getvalue()))
    first, second = (one["image"] for one in data_of(labels, project))
    assert first.startswith(f"/data/upload/{project}/")
    shown = labels.http.get(first)
    assert (shown.status_code, shown.content) == (200, PNG)
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert labels.http.get(second).content == b"jpeg"
    part = labels.http.get(first, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, PNG[4:8])
    assert part.headers["content-range"] == f"bytes 4-7/{len(PNG)}"
    tail = labels.http.get(first, headers={"Range": "bytes=-3"})
    assert tail.content == PNG[-3:]
    assert labels.http.get(first, headers={"Range": "bytes=9999-"}).status_code == 416
    again = labels.http.get(first, headers={"If-None-Match": shown.headers["etag"]})
    assert again.status_code == 304


def test_a_deleted_project_takes_its_files_with_it(labels):
    project = labels.project(label_config=IMAGES)
    send(labels, project, ("a.png", PNG))
    address = data_of(labels, project)[0]["image"]
    labels.delete(f"/api/projects/{project}")
    assert labels.http.get(address).status_code == 404


@pytest.mark.parametrize(
    "path", ["../labels.db", "%2e%2e/%2e%2e/etc/passwd", "1", "", "1/..%2f..%2fx"]
)
def test_no_path_leads_out_of_the_uploads(labels, path):
    project = labels.project(label_config=IMAGES)
    send(labels, project, ("a.png", PNG))
    answer = labels.http.get(httpx.URL(f"{labels.url}/data/upload/{path}"))
    assert answer.status_code in (400, 404)


def test_a_page_that_somebody_uploads_is_not_run(labels):
    project = labels.project()
    report = send(labels, project, ("evil.html", b"<script>alert(1)</script>"))
    assert report["task_count"] == 1  # its text is the task; nothing of it is served
    assert send(labels, project, ("evil.svg", b"<svg/>"), status=400)["status_code"] == 400


def test_a_broken_form_is_a_message(labels):
    project = labels.project()
    path = f"/api/projects/{project}/import"
    for kind, body in [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"--x\r\nno end"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
    ]:
        answer = labels.http.post(path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == 400, answer.text
    assert data_of(labels, project) == []


def test_a_check_only_import_keeps_nothing(labels, tmp_path):
    project = labels.project(label_config=IMAGES)
    report = send(labels, project, ("a.png", PNG), query="&commit_to_project=false")
    assert report["task_count"] == 1
    assert data_of(labels, project) == []
    assert list(tmp_path.rglob("*a.png")) == []


def test_every_format_is_exported_with_a_name_and_a_type(labels):
    project = labels.project()
    (number,) = labels.load(project, [{"text": "fine"}])
    labels.load(project, [{"text": "unseen"}])
    labels.post(f"/api/tasks/{number}/annotations/", {"result": GOOD})
    formats = labels.get(f"/api/projects/{project}/export/formats")
    assert [one["name"] for one in formats if not one.get("disabled")] == [
        "JSON", "JSON_MIN", "CSV", "TSV", "CONLL2003",
    ]  # fmt: skip
    found = {}
    for name in ("JSON", "JSON_MIN", "CSV", "TSV", "CONLL2003"):
        answer = labels.http.get(f"/api/projects/{project}/export?exportType={name}")
        assert answer.status_code == 200
        assert answer.headers["filename"].startswith(f"project-{project}-at-")
        assert answer.headers["filename"] in answer.headers["content-disposition"]
        found[name] = answer.text
    assert [row["mood"] for row in json.loads(found["JSON_MIN"])] == ["good"]
    assert found["CSV"].splitlines()[1].count('"good"') == 1
    assert "fine -X- _ O" in found["CONLL2003"]
    whole = labels.get(
        f"/api/projects/{project}/export?exportType=JSON_MIN&download_all_tasks=true"
    )
    assert [row["text"] for row in whole] == ["fine", "unseen"]


@pytest.mark.parametrize(
    ("name", "said"), [("COCO", "cannot be exported as COCO"), ("X", "no export format 'X'")]
)
def test_a_format_that_does_not_fit_is_refused(labels, name, said):
    project = labels.project()
    answer = labels.get(f"/api/projects/{project}/export?exportType={name}", status=400)
    assert said in json.dumps(answer)
    labels.get("/api/projects/999/export?exportType=CSV", status=404)
    labels.get("/api/projects/999/export/formats", status=404)


def test_deleted_files_leave_their_tasks_and_show_nothing_more(labels, tmp_path):
    project = labels.project(label_config=IMAGES)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/x.png", PNG)
        archive.writestr("b/x.png", PNG)
    one = send(labels, project, ("one.png", PNG))["file_upload_ids"]
    both = send(labels, project, ("two.png", PNG), ("pics.zip", buffer.getvalue()))
    path = f"/api/projects/{project}/file-uploads"
    listed = {row["id"]: row["file"] for row in labels.get(path)}
    assert listed[both["file_upload_ids"][1]] == "pics.zip"
    first, *rest = (data["image"] for data in data_of(labels, project))
    gone = [*both["file_upload_ids"], 999]
    assert labels.call("DELETE", path, {"file_upload_ids": gone}) == {"deleted": 2}
    assert [row["id"] for row in labels.get(path)] == one
    assert labels.http.get(first).status_code == 200
    assert [labels.http.get(address).status_code for address in rest] == [404, 404, 404]
    tasks = labels.get(f"/api/projects/{project}/tasks")
    assert [bool(task["file_upload"]) for task in tasks][:1] == [True]
    assert labels.call("DELETE", path) == {"deleted": 1}
    assert [task["file_upload"] for task in labels.get(f"/api/projects/{project}/tasks")] == [
        None
    ] * 4
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize("body", [{"file_upload_ids": "1"}, {"file_upload_ids": [True]}, [1]])
def test_what_lists_no_files_deletes_none(labels, body):
    project = labels.project()
    send(labels, project, ("a.txt", b"line"))
    path = f"/api/projects/{project}/file-uploads"
    said = labels.call("DELETE", path, body, status=400)
    assert "file_upload_ids" in said["validation_errors"]
    assert len(labels.get(path)) == 1


def test_drafts_of_imported_tasks_are_kept(on_database):
    labels = on_database
    project = labels.project()
    me = labels.get("/api/current-user/whoami")["email"]
    (before,) = labels.load(project, [{"text": "a"}])
    answered = labels.post(f"/api/tasks/{before}/annotations/", {"result": GOOD})["id"]
    drafts = [
        {"id": 5, "result": GOOD, "user": me, "lead_time": 2.5, "was_postponed": True},
        {"id": 6, "result": [], "user": "gone@example.org", "annotation": answered},
        7,
    ]
    annotations = [{"id": answered, "result": GOOD, "completed_by": {"email": me}}]
    task = {"data": {"text": "b"}, "annotations": annotations, "drafts": drafts}
    (number,) = labels.load(project, [task])
    first, second = labels.get(f"/api/tasks/{number}")["drafts"]
    assert (first["result"], first["user"], first["lead_time"]) == (GOOD, me, 2.5)
    assert (first["was_postponed"], first["import_id"], first["annotation"]) == (True, 5, None)
    (mine,) = labels.get(f"/api/tasks/{number}/annotations")
    assert (second["user"], second["annotation"]) == (me, mine["id"])
    bad = {"data": {"text": "c"}, "drafts": [{"result": 3}]}
    path = f"/api/projects/{project}/import"
    assert "result must be a list" in str(labels.post(path, [bad], status=400))
