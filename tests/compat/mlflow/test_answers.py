"""Answers on the wire, word for word: MLflow's were recorded, ours must be the same.

The record is checked against a real MLflow server too, so it cannot drift from the truth.
"""

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

HERE = Path(__file__).parent
RECORD: dict[str, Any] = json.loads((HERE / "answers.json").read_text())


sys.path.insert(0, str(HERE))
CONVERSATIONS: dict[str, Any] = import_module("steps").CONVERSATIONS
converse = import_module("conversation").converse


def differences(name: str, url: str) -> list[dict[str, Any]]:
    """Return the steps of a conversation whose answers are not those of the record."""
    steps = CONVERSATIONS[name]
    answers = json.loads(json.dumps(converse(url, steps)))
    return [
        {"step": step.name, "answer": answer, "recorded": recorded}
        for step, answer, recorded in zip(steps, answers, RECORD[name], strict=True)
        if answer != recorded
    ]


@pytest.mark.parametrize("name", list(CONVERSATIONS))
def test_our_answers_are_mlflows(name: str, tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path) as running:
        assert differences(name, running.url) == []


@pytest.mark.parametrize("name", list(CONVERSATIONS))
def test_our_answers_on_postgresql_are_mlflows(
    name: str, tmp_path: Path, postgres_url: str
) -> None:
    with run_piece(piece, state=tmp_path, database=postgres_url) as running:
        assert differences(name, running.url) == []


@pytest.mark.compat
def test_the_record_is_what_mlflow_answers(mlflow_server: str) -> None:
    found = {name: differences(name, mlflow_server) for name in CONVERSATIONS}
    assert found == {name: [] for name in CONVERSATIONS}
