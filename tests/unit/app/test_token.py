import json

import pytest
from click.testing import CliRunner

from dovetail.app.commands import token


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(token, list(arguments))


def test_a_token_is_made_listed_and_revoked(run):
    secret = run("create", "ci", "--role", "editor").output.strip()
    (listed,) = json.loads(run("list", "--json").output)
    assert (listed["name"], listed["role"]) == ("ci", "editor")
    assert secret not in run("list", "--json").output
    assert run("revoke", listed["id"]).output == f"revoked {listed['id']}\n"
    assert json.loads(run("list", "--json").output)[0]["revoked"]


def test_a_role_that_does_not_exist_is_refused(run):
    assert run("create", "ci", "--role", "king").exit_code == 2
