"""Who may call, with Label Studio's word for it."""

import time

import pytest

from dovetail.web.auth import Tokens


@pytest.fixture
def tokens(tmp_path):
    return Tokens(f"sqlite:///{tmp_path / 'web.db'}")


def test_tokens_are_users_with_numbers(start, api_of, tokens):
    ann, bob = tokens.create("ann", "editor"), tokens.create("bob@example.org", "admin")
    with start(auth=True) as server:
        first, second = api_of(server, ann), api_of(server, bob)
        me = first.get("/api/current-user/whoami")
        assert (me["username"], me["email"]) == ("ann", "ann@localhost")
        assert second.get("/api/current-user/whoami")["email"] == "bob@example.org"
        second.patch("/api/current-user", {"first_name": "Bob", "last_name": "Stone"})
        project = first.project()
        task = first.load(project, [{"text": "a"}])[0]
        made = second.post(f"/api/tasks/{task}/annotations/", {"result": []})
        assert made["created_username"].startswith("Bob Stone bob@example.org")
        assert first.get(f"/api/projects/{project}/annotators/")[0]["id"] == made["completed_by"]


def test_a_token_is_refreshed_into_itself(start, api_of, tokens):
    secret = tokens.create("ann", "editor")
    with start(auth=True) as server:
        anybody = api_of(server)
        said = anybody.call("POST", "/api/token/refresh/", {"refresh": secret})
        assert said == {"access": secret}
        refused = anybody.post("/api/token/refresh/", {"refresh": "x"}, status=401)
        assert refused["status_code"] == 401


def test_without_a_token_nothing_is_told(start, api_of):
    with start(auth=True) as server:
        refused = api_of(server).get("/api/projects", status=401)
        assert (refused["status_code"], refused["version"]) == (401, "1.23.2")


def test_a_token_that_is_revoked_is_refused_within_a_second(start, api_of, tokens):
    secret = tokens.create("ann", "editor")
    with start(auth=True) as server:
        ann = api_of(server, secret)
        project = ann.project()
        tasks = ann.load(project, [{"text": "a"}, {"text": "b"}])
        ann.post(f"/api/tasks/{tasks[0]}/annotations/", {"result": []})
        tokens.revoke(tokens.list()[0].id)  # as another process does
        time.sleep(1.0)
        ann.post(f"/api/tasks/{tasks[1]}/annotations/", {"result": []}, status=401)


def test_only_an_admin_annotates_in_the_name_of_another(start, api_of, tokens):
    ann, root = tokens.create("ann", "editor"), tokens.create("root", "admin")
    with start(auth=True) as server:
        editor, admin = api_of(server, ann), api_of(server, root)
        mine = editor.get("/api/current-user/whoami")["id"]
        other = admin.get("/api/current-user/whoami")["id"]
        task = editor.load(editor.project(), [{"text": "a"}])[0]
        path = f"/api/tasks/{task}/annotations/"
        editor.post(path, {"result": [], "completed_by": other}, status=403)
        assert admin.post(path, {"result": [], "completed_by": mine})["completed_by"] == mine
