"""The unmodified label-studio-sdk works with an annotator's token, as far as annotators may go."""

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from dovetail.labels.piece import piece
from dovetail.web.auth import Tokens
from dovetail.web.testing import run_piece

HERE = Path(__file__).parent
VENV = Path(os.environ.get("LABEL_STUDIO_VENV", HERE.parents[2] / ".venv-label-studio"))
CONFIG = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text">'
    '<Choice value="good"/><Choice value="bad"/></Choices></View>'
)
RESULT = [
    {"from_name": "mood", "to_name": "text", "type": "choices", "value": {"choices": ["good"]}}
]


@pytest.mark.compat
def test_an_annotator_works_with_the_sdk(tmp_path):
    program = VENV / "bin/python"
    if not program.exists():
        pytest.skip(f"label-studio-sdk is not in {VENV}: make test installs it")
    tokens = Tokens(f"sqlite:///{tmp_path / 'web.db'}")
    boss = {"Authorization": f"Token {tokens.create('boss', 'editor')}"}
    tokens.close()
    with (
        run_piece(piece, state=tmp_path, auth=True) as server,
        httpx.Client(base_url=server.url, headers=boss, timeout=60) as client,
    ):
        fields = {"title": "moods", "label_config": CONFIG, "maximum_annotations": 2}
        project = client.post("/api/projects", json=fields).json()["id"]
        load = [{"data": {"text": "fine", "known": "good"}, "annotations": [{"result": RESULT}]}]
        path = f"/api/projects/{project}/import?return_task_ids=true"
        (task,) = client.post(path, json=load).json()["task_ids"]
        path = f"/api/labels/projects/{project}/members"
        secret = client.post(path, json={"name": "ann"}).json()["token"]
        command = [program, HERE / "annotator.py", server.url, secret, str(project), str(task)]
        bare = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=bare)
        assert done.returncode == 0, done.stderr[-3000:]
        assert json.loads(done.stdout) == {
            "who": "ann",
            "projects": [project],
            "title": "moods",
            "data": {"text": "fine"},
            "others": 0,
            "result": RESULT,
            "comments": ["is it?"],
            "resolved": True,
            "changed": True,
            "list": 403,
            "gold": 403,
            "rename": 403,
            "delete": 403,
        }
