"""A real MLServer, which logs no payloads, is monitored through the tap."""

import json
import time

import httpx
import numpy as np
import pytest

from dovetail.monitoring.piece import piece
from dovetail.monitoring.settings import MonitoringSettings
from dovetail.web.testing import run_piece
from dovetail.wire.monitoring import Client, Outcomes, outcome_event
from dovetail.wire.open_inference import Client as Inference
from dovetail.wire.open_inference import InferenceRequest, from_array, to_array

pytestmark = [pytest.mark.compat, pytest.mark.timeout(300)]

RUNTIME = """
import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Sigmoid(MLModel):
    async def load(self):
        return True

    async def predict(self, payload):
        x = NumpyCodec.decode_input(payload.inputs[0])
        p = 1 / (1 + np.exp(-x.sum(axis=1)))
        out = NumpyCodec.encode_output("p", p.astype(np.float64))
        return InferenceResponse(
            id=payload.id, model_name=self.name, model_version=self.version, outputs=[out]
        )
"""


@pytest.fixture(scope="module")
def mlserver(start_mlserver, tmp_path_factory):
    folder, code = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("code")
    (code / "sigmoid.py").write_text(RUNTIME)
    (folder / "late").mkdir()
    settings = {"name": "late", "implementation": "sigmoid.Sigmoid"}
    settings["parameters"] = {"version": "v7"}
    (folder / "late" / "model-settings.json").write_text(json.dumps(settings))
    with start_mlserver(folder, path=code) as running:
        yield running.url


def test_a_tapped_mlserver_is_monitored_with_outcomes(mlserver, tmp_path):
    settings = MonitoringSettings(tap=mlserver, tap_port=0)
    rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    with run_piece(piece, settings, state=tmp_path / "state") as running:
        tap = f"http://{running.addresses['tap']}"
        with Inference(tap) as model, Client(running.url) as client:
            asked = InferenceRequest(inputs=(from_array("x", rows),))
            ids, scores = [], []
            for _ in range(10):
                answer = model.infer("late", asked)
                ids.append(answer.id)
                scores.append(to_array(answer.outputs[0]).ravel())
            for path in ("/v2", "/v2/models/late", "/v2/health/ready"):
                tapped, plain = httpx.get(tap + path), httpx.get(mlserver + path)
                assert (tapped.status_code, tapped.content) == (plain.status_code, plain.content)
            end = time.monotonic() + 20
            while not client.models() or client.performance("late").predictions < 400:
                assert time.monotonic() < end
                time.sleep(0.1)
            true = (scores[0] > 0.5).astype(float).tolist()
            came = Outcomes(
                model="late", request_ids=[ids[0]] * 40, rows=list(range(40)), values=true
            )
            client.send_events([outcome_event("o", "/truth", came)])
            found = client.performance("late")
    assert found.versions == {"v7": 400}
    assert found.mean_score == pytest.approx(float(np.mean(scores)))
    assert (found.outcomes, found.auc) == (40, 1.0)
