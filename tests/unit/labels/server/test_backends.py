"""ML backends of users: connected, asked, told, and trusted with a token that nobody can read."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dovetail.labels.settings import LabelSettings
from dovetail.web.auth import Tokens


class Model:
    """An ML backend that notes what it is sent."""

    def __init__(self):
        self.asked = []
        self.status = 200
        model = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                size = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(size) or b"null")
                model.asked.append((self.path, body, self.headers.get("authorization")))
                said = json.dumps(model.says(self.path, body)).encode()
                self.send_response(model.status)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            do_GET = do_POST = answer

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def says(self, path, body):
        if path == "/predict":
            value = {"choices": ["good"]}
            region = {"from_name": "mood", "to_name": "text", "type": "choices", "value": value}
            one = {"result": [region], "score": 0.75, "model_version": "v1"}
            return {"results": [one for _ in body["tasks"]]}
        if path == "/setup":
            return {"model_version": "v1"}
        return {"status": "UP", "versions": ["v0", "v1"]}

    def bodies(self, path):
        return [body for asked, body, _ in self.asked if asked == path]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def model():
    made = Model()
    yield made
    made.close()


def connect(labels, model, project, **more):
    return labels.post("/api/ml/", {"url": model.url, "project": project, "title": "m", **more})


def test_a_backend_predicts_what_is_selected(on_database, model, until):
    project = on_database.project()
    tasks = on_database.load(project, [{"text": f"t{i}"} for i in range(3)])
    made = connect(on_database, model, project)
    assert (made["state"], made["model_version"]) == ("CO", "v1")
    selected = {"selectedItems": {"all": False, "included": tasks[:2]}}
    path = f"/api/dm/actions/?id=retrieve_tasks_predictions&project={project}"
    done = on_database.call("POST", path, selected)
    assert done == {"processed_items": 2, "detail": "Retrieved 2 predictions"}
    again = on_database.call("POST", path, {"selectedItems": {"all": True, "excluded": []}})
    assert again["detail"] == "Retrieved 1 predictions"
    shown = on_database.get(f"/api/tasks/{tasks[0]}")["predictions"][0]
    assert (shown["score"], shown["model_version"], shown["model"]) == (0.75, "v1", made["id"])
    sent = model.bodies("/predict")[0]
    assert [task["data"]["text"] for task in sent["tasks"]] == ["t0", "t1"]
    assert sent["project"].startswith(f"{project}.")
    assert on_database.get(f"/api/ml/{made['id']}/versions") == {"versions": ["v0", "v1"]}


def test_a_backend_hears_of_annotations_and_training(labels, model, until):
    project = labels.project()
    task = labels.load(project, [{"text": "a"}])[0]
    made = connect(labels, model, project)
    labels.post(f"/api/tasks/{task}/annotations/", {"result": []})
    until(lambda: model.bodies("/webhook"))
    assert model.bodies("/webhook")[0]["action"] == "ANNOTATION_CREATED"
    labels.call("POST", f"/api/ml/{made['id']}/train", {})
    assert model.bodies("/webhook")[-1]["action"] == "START_TRAINING"
    assert model.bodies("/webhook")[-1]["project"]["label_config"].startswith("<View>")
    labels.delete(f"/api/ml/{made['id']}")
    assert labels.get(f"/api/webhooks?project={project}") == []


def test_interactive_annotating_saves_nothing(labels, model):
    project = labels.project()
    task = labels.load(project, [{"text": "a"}])[0]
    made = connect(labels, model, project, is_interactive=True)
    body = {"task": task, "context": {"result": [{"x": 1}]}}
    said = labels.call("POST", f"/api/ml/{made['id']}/interactive-annotating", body)
    assert said["data"]["score"] == 0.75
    assert model.bodies("/predict")[0]["params"]["context"] == body["context"]
    assert labels.get(f"/api/predictions?task={task}") == []


def test_what_is_no_backend_is_not_connected(labels, model, free_port):
    project = labels.project()
    model.status = 500
    said = labels.post("/api/ml", {"url": model.url, "project": project}, status=400)
    assert "does not answer as one" in str(said["validation_errors"])
    nobody = f"http://127.0.0.1:{free_port()}"
    labels.post("/api/ml", {"url": nobody, "project": project}, status=400)
    assert labels.get(f"/api/ml?project={project}") == []
    assert labels.get(f"/api/webhooks?project={project}") == []


def test_the_token_of_setup_works_is_not_stored_and_is_revoked(start, api_of, model, tmp_path):
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    secret = tokens.create("root", "admin")
    with start(LabelSettings(outbound_allow=("127.0.0.1",)), auth=True) as server:
        labels = api_of(server, secret)
        project = labels.project()
        made = connect(labels, model, project, auth_method="BASIC_AUTH", basic_auth_user="u",
                       basic_auth_pass="hush-hush")  # fmt: skip
        given = model.bodies("/setup")[0]["access_token"]
        assert model.asked[0][2].startswith("Basic ")
        assert api_of(server, given).get(f"/api/projects/{project}")["id"] == project
        labels.patch(f"/api/ml/{made['id']}", {"title": "again"})
        newest = model.bodies("/setup")[1]["access_token"]
        assert newest != given
        labels.delete(f"/api/ml/{made['id']}")
    assert (tokens.check(given), tokens.check(newest)) == (None, None)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    for hidden in (given, newest, "hush-hush"):
        assert hidden.encode() not in stored
