"""A served model labels: the labelling server and the model server, over the protocol only."""

from pathlib import Path

from tests.unit.labels.routing.test_served import answered, made, mood, running, url

from dovetail.serving.piece import piece as serving
from dovetail.serving.settings import ServingSettings
from dovetail.web.testing import run_piece


def test_a_model_behind_an_open_inference_server_answers(tmp_path: Path) -> None:
    echo = tmp_path / "echo.identity"
    echo.touch()
    wanted = ServingSettings(models=(f"echo={echo}",), folders=(str(tmp_path),), isolate=False)
    with (
        run_piece(serving, wanted, state=tmp_path / "serving") as models,
        running(tmp_path / "labels") as api,
    ):
        project, tasks = made(api, 6, floor=1)
        api.post(
            url(project, "sources"),
            {
                "kind": "open_inference", "name": "model", "url": models.url, "model": "echo",
                "inputs": {"input": "guess"},
            },
        )  # fmt: skip
        assert answered(api, project, tasks) == [mood(i) for i in range(6)]
