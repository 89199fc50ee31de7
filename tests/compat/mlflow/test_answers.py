"""Answers on the wire, word for word: MLflow's were recorded, ours must be the same.

The record is checked against a real MLflow server too, so it cannot drift from the truth.
"""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dovetail.tracking.piece import piece
from dovetail.web.testing import run_piece

HERE = Path(__file__).parent
RECORD: dict[str, Any] = json.loads((HERE / "answers.json").read_text())


def load_steps() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mlflow_steps", HERE / "steps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["mlflow_steps"] = module
    spec.loader.exec_module(module)
    return module


STEPS = load_steps()


def differences(name: str, url: str) -> list[dict[str, Any]]:
    """Return the steps of a conversation whose answers are not those of the record."""
    steps = STEPS.CONVERSATIONS[name]
    answers = json.loads(json.dumps(STEPS.converse(url, steps)))
    return [
        {"step": step.name, "answer": answer, "recorded": recorded}
        for step, answer, recorded in zip(steps, answers, RECORD[name], strict=True)
        if answer != recorded
    ]


@pytest.mark.parametrize("name", list(STEPS.CONVERSATIONS))
def test_our_answers_are_mlflows(name: str, tmp_path: Path) -> None:
    with run_piece(piece, state=tmp_path) as running:
        assert differences(name, running.url) == []


@pytest.mark.parametrize("name", list(STEPS.CONVERSATIONS))
def test_our_answers_on_postgresql_are_mlflows(
    name: str, tmp_path: Path, postgres_url: str
) -> None:
    with run_piece(piece, state=tmp_path, database=postgres_url) as running:
        assert differences(name, running.url) == []


@pytest.mark.compat
def test_the_record_is_what_mlflow_answers(mlflow_server: str) -> None:
    found = {name: differences(name, mlflow_server) for name in STEPS.CONVERSATIONS}
    assert found == {name: [] for name in STEPS.CONVERSATIONS}
