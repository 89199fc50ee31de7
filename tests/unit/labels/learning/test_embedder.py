"""Features by a user's model behind an Open Inference server."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from tests.unit.labels.learning.conftest import answer, until
from tests.unit.labels.learning.examples import CONFIG, answered
from tests.unit.labels.learning.test_labeller import IMAGES, picture, share_right
from tests.unit.labels.server.conftest import Api

from dovetail.base.errors import InvalidInputError, SettingsError, UnavailableError
from dovetail.labels.learning import train
from dovetail.labels.learning.embedder import Embedder
from dovetail.labels.learning.reading import Reader
from dovetail.labels.piece import piece
from dovetail.labels.settings import LabelSettings
from dovetail.web.testing import run_piece
from dovetail.wire import open_inference as oip


class Model(BaseHTTPRequestHandler):
    """Knows by the second word, or by the middle of an image, what nobody else can see."""

    takes: ClassVar[dict[str, Any]] = {}

    def log_message(self, *said: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        output = {"name": "v", "datatype": "FP32", "shape": [-1, 3]}
        facts = {"name": "e", "platform": "x", "inputs": [self.takes], "outputs": [output]}
        self._say(json.dumps(facts).encode(), {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        length = self.headers.get(oip.HEADER_LENGTH)
        request = oip.decode_request(body, None if length is None else int(length))
        values = oip.to_array(request.inputs[0])
        tensor = oip.from_array("v", self._vectors(values), datatype="FP32")
        answer = oip.InferenceResponse(model_name="e", outputs=(tensor,))
        body, _ = oip.encode_response(answer)
        self._say(body, {})

    def _vectors(self, values: Any) -> Any:
        if self.takes["datatype"] == "BYTES":
            words = [bytes(value).decode().split() for value in np.ravel(values)]
            return np.array([[1.0 + (w[1] < "m"), 0.0, 1.0] for w in words])
        upright = values[:, 0, 2, 4] - values[:, 0, 4, 1]
        return np.stack([upright, np.ones(len(values)), upright], 1)

    def _say(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(takes: dict[str, Any]) -> Iterator[str]:
    kind = type("Mine", (Model,), {"takes": {"name": "x", **takes}})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v2/models/e"
        server.shutdown()
        thread.join()


@pytest.fixture(params=[[-1], [-1, 1]], ids=["flat", "column"])
def texts(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from serve({"datatype": "BYTES", "shape": request.param})


@pytest.fixture
def images() -> Iterator[str]:
    yield from serve({"datatype": "FP32", "shape": [-1, 1, 8, 8]})


def pairs(count: int) -> list[tuple[str, str]]:
    """Texts of two words that never come again: only the model knows what they mean."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, 9)) for _ in range(2 * count)]
    return [
        (f"{a} {b}", "good" if b < "m" else "bad")
        for a, b in zip(words[::2], words[1::2], strict=True)
    ]


def test_texts_are_learned_through_a_served_model(texts: str) -> None:
    reader = Reader(texts=Embedder(texts, "embed_texts"))
    some = pairs(80)
    labeller = train(CONFIG, answered(some[:40]), reader=reader)
    found = labeller.predict([{"text": text} for text, _ in some[40:]], reader)
    right = [
        one.result[0]["value"]["choices"] == [mood]
        for one, (_, mood) in zip(found, some[40:], strict=True)
    ]
    assert np.mean(right) > 0.95
    assert share_right(train(CONFIG, answered(some[:40])), some[40:]) < 0.8


def test_images_go_as_pixels_of_the_size_that_the_model_takes(images: str) -> None:
    rng = np.random.default_rng(0)
    some = [(picture(i % 2 == 0, rng), "good" if i % 2 else "bad") for i in range(40)]
    reader = Reader(images=Embedder(images, "embed_images"))
    labeller = train(IMAGES, answered(some[:20]), reader=reader)
    assert labeller.encoder.columns["text"].state()[1]["centre"].shape == (3,)
    found = labeller.predict([{"text": one} for one, _ in some[20:]], reader)
    assert [one.result[0]["value"]["choices"][0] for one in found] == [m for _, m in some[20:]]


def test_what_was_embedded_once_is_not_asked_again(texts: str) -> None:
    asked: list[int] = []
    inner = Embedder(texts, "embed_texts")

    def embed(values: Any) -> Any:
        asked.append(len(values))
        return inner(values)

    reader, some = Reader(texts=embed), pairs(40)
    labeller = train(CONFIG, answered(some), reader=reader)
    assert sum(asked) == 40
    labeller.predict([{"text": text} for text, _ in some], reader)
    assert sum(asked) == 40


def test_a_labeller_of_vectors_says_that_its_model_is_missing(texts: str) -> None:
    reader = Reader(texts=Embedder(texts, "embed_texts"))
    labeller = train(CONFIG, answered(pairs(30)), reader=reader)
    with pytest.raises(InvalidInputError, match="no longer named"):
        labeller.predict([{"text": "a b"}])


def test_a_model_that_is_away_is_named() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v2/models/e"
    with pytest.raises(UnavailableError, match="the model 'e' that embeds does not answer"):
        Embedder(url, "embed_texts")(["a"])


@pytest.mark.parametrize(
    "url", ["e", "ftp://h/v2/models/e", "http://h/models/e", "http://h/v2/models/"]
)
def test_an_address_that_is_no_models_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="is no address of a model"):
        Embedder(url, "embed_texts")


def test_a_project_learns_through_the_operators_model_where_it_asks(
    texts: str, tmp_path: Path
) -> None:
    with run_piece(piece, LabelSettings(embed_texts=texts), state=tmp_path) as running:
        api = Api(running.url)
        project = api.project(label_config=CONFIG)
        some = pairs(60)
        ids = api.load(project, [{"data": {"text": text}} for text, _ in some])
        path = f"/api/labels/projects/{project}/learner"
        api.call("PUT", path, {"enabled": True, "every": 30, "embeds": True})
        for task, (_, mood) in zip(ids[:30], some[:30], strict=True):
            answer(api, task, mood)
        version = until(lambda: (v := api.get(path)["version"]) and v["predicted"] and v)
        assert version["skills"][0]["accuracy"] > 0.9
        api.http.close()


def test_a_project_cannot_ask_for_a_model_that_nobody_named(labels: Api) -> None:
    project = labels.project(label_config=CONFIG)
    path = f"/api/labels/projects/{project}/learner"
    answered_ = labels.http.put(path, json={"embeds": True})
    assert answered_.status_code in (400, 422)
    assert "embed_texts" in answered_.text
