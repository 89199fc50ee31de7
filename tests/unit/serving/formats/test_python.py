"""Classes of users' own: what they are given and may answer, and what is said when they fail."""

import textwrap
import threading

import httpx
import numpy as np
import pytest

from dovetail.serving import (
    BadModelError,
    BadTensorError,
    InferenceFailedError,
    Model,
    UntrustedModelError,
    formats,
)


@pytest.fixture
def write(tmp_path):
    """Write a model's file and return it."""

    def to(text, name="late.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    return to


ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])
PLAIN = """
    class Doubled:
        def predict(self, inputs):
            return {name: array * 2 for name, array in inputs.items()}
"""


def test_the_least_that_will_do(write):
    model = Model.load(write(PLAIN), trusted=True)
    assert model.predictor.platform == "python_class"
    assert model.infer({"x": ROWS})["x"].tolist() == [[2.0, 4.0], [6.0, 8.0]]


def test_it_is_executed_only_where_it_is_trusted(write, tmp_path):
    line = f"__import__('pathlib').Path({str(tmp_path / 'ran')!r}).touch()\n"
    file = write(line + textwrap.dedent(PLAIN))
    with pytest.raises(UntrustedModelError, match="it is a Python program"):
        formats.load(file)
    assert not (tmp_path / "ran").exists()
    formats.load(file, trusted=True)
    assert (tmp_path / "ran").exists()


def test_declared_columns_come_as_a_table(write):
    model = Model.load(
        write("""
            import numpy as np

            class Late:
                inputs = {"carrier": "BYTES", "wind": "FP64", "hour": "INT64"}
                outputs = {"score": "FP32", "why": "BYTES"}

                def predict(self, inputs: dict[str, np.ndarray]):
                    assert inputs["carrier"].tolist() == ["UA", None]
                    assert inputs["hour"].dtype == np.int64
                    return {"why": ["wind", None], "score": inputs["wind"]}
        """),
        trusted=True,
    )
    assert model.columns == ("carrier", "wind", "hour")
    sent = {
        "carrier": np.array([b"UA", None], dtype=object),
        "wind": np.array([[0.5], [1.5]]),
        "hour": np.array([3.0, 4.0]),
    }
    answer = model.infer(sent)
    assert answer["score"].dtype == np.float32
    assert answer["why"].tolist() == [["wind"], [None]]
    with pytest.raises(BadTensorError, match="missing columns: hour"):
        model.infer({name: sent[name] for name in ("carrier", "wind")})


@pytest.mark.parametrize(
    ("annotation", "body"),
    [
        ("np.ndarray", "return inputs.sum(axis=1)"),
        ("'pd.DataFrame'", "return inputs['a'] + inputs['b']"),
        ("Mapping[str, np.ndarray]", "return inputs['a'] + inputs['b']"),
    ],
)
def test_the_annotation_says_what_is_given(write, annotation, body):
    file = write(f"""
        from collections.abc import Mapping
        import numpy as np

        class Sum:
            def predict(self, inputs: {annotation}):
                {body}
    """)
    model = Model.load(file, trusted=True)
    assert model.infer({"a": ROWS[:, 0], "b": ROWS[:, 1]})["predict"].tolist() == [[3.0], [7.0]]


def test_tensors_of_a_fixed_shape(write):
    model = Model.load(
        write("""
            class Mean:
                inputs = {"image": ("FP32", (-1, 2, 2))}

                def predict(self, inputs):
                    return inputs["image"].mean(axis=(1, 2))
        """),
        trusted=True,
    )
    assert model.predictor.signature.inputs[0].shape == (-1, 2, 2)
    image = np.ones((3, 2, 2), np.float32)
    assert model.infer({"image": image})["predict"].tolist() == [[1.0]] * 3
    with pytest.raises(BadTensorError, match="the model takes"):
        model.infer({"image": image[0]})


def test_a_folder_with_weights_and_parts(write, tmp_path):
    write("FACTOR = 3\n", "late/parts.py")
    write("4\n", "late/offset.txt")
    write(
        """
        from pathlib import Path
        from .parts import FACTOR

        class Model:
            def load(self, path: Path) -> None:
                self.offset = int((path / "offset.txt").read_text())

            def predict(self, inputs):
                return inputs["x"] * FACTOR + self.offset

        class Helper:
            def predict(self, inputs):
                raise NotImplementedError
        """,
        "late/model.py",
    )
    model = Model.load(tmp_path / "late", trusted=True)
    assert model.infer({"x": np.array([1, 2])})["predict"].tolist() == [[7], [10]]
    write("FACTOR = 5\n", "late/parts.py")
    again = Model.load(tmp_path / "late", trusted=True)
    assert again.infer({"x": np.array([1])})["predict"].tolist() == [[9]]


REFUSED = {
    "no class": ("x = 1\n", "it has no model. write a class with a method `predict"),
    "two classes": (
        "class A:\n    def predict(self, i): ...\nclass B(A):\n    def predict(self, i): ...\n",
        r"several of its classes have `predict`: A, B. name one of them Model",
    ),
    "syntax": ("class A:\n    def predict(\n", r"line 2: '\(' was never closed"),
    "raises": ("import os\n\nos.environ['NO_SUCH_BUCKET']\n", "line 3: KeyError: 'NO_SUCH_BUCKET'"),
    "exits": ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
    "library": ("import no_such_library\n", "it needs the library 'no_such_library'. pip install"),
    "async": ("class A:\n    async def predict(self, i): ...\n", "its `predict` is async"),
    "datatype": (
        "class A:\n    inputs = {'x': 'FLOAT'}\n    def predict(self, i): ...\n",
        "its `inputs` are not understood. 'FLOAT' is none of BOOL",
    ),
    "init": (
        "class A:\n    def __init__(self):\n        1 / 0\n    def predict(self, i): ...\n",
        "line 3: ZeroDivisionError: division by zero",
    ),
}


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_wrong_with_the_code_is_named(write, text, why):
    with pytest.raises(BadModelError, match=why):
        formats.load(write(text), trusted=True)


WRONG = {
    "missing": ("{'other': [1.0]}", "missing: score; it has: other"),
    "type": ("{'score': ['text']}", "'score' is of numpy's type object, FP64 is due"),
    "ragged": ("[[1], [1, 2]]", "its rows differ in length"),
    "object": ("object()", "it holds object"),
}


@pytest.mark.parametrize(("answer", "why"), WRONG.values(), ids=WRONG.keys())
def test_answers_that_are_none_are_named(write, answer, why):
    file = write(f"""
        class Wrong:
            outputs = {{"score": "FP64"}}

            def predict(self, inputs):
                return {answer}
    """)
    with pytest.raises(InferenceFailedError, match=why):
        Model.load(file, trusted=True).infer({"x": ROWS})


def test_calls_come_one_at_a_time(write):
    file = write("""
        import time

        class Model:
            inside = most = 0

            def predict(self, inputs):
                self.inside += 1
                self.most = max(self.most, self.inside)
                time.sleep(0.01)
                self.inside -= 1
                return [float(self.most)]
    """)
    model = Model.load(file, trusted=True)
    threads = [threading.Thread(target=model.infer, args=({"x": ROWS},)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert model.infer({"x": ROWS})["predict"].tolist() == [[1.0]]


def test_a_server_takes_parameters_and_tells_failures_without_traces(write, run):
    file = write("""
        from dovetail.serving import BadTensorError

        class Power:
            inputs = {"x": "FP64"}

            def predict(self, inputs, *, exponent: float = 2.0):
                if exponent < 0:
                    raise BadTensorError("the exponent is negative")
                if exponent > 9:
                    raise RuntimeError("too much for me")
                return inputs["x"] ** exponent
    """)
    sent = [{"name": "x", "shape": [2], "datatype": "FP64", "data": [2.0, 3.0]}]
    with run(f"power={file}", trusted=(str(file),)) as server:
        url = f"{server.url}/v2/models/power/infer"
        ask = lambda **p: httpx.post(url, json={"inputs": sent, "parameters": p})  # noqa: E731
        assert ask().json()["outputs"][0]["data"] == [4.0, 9.0]
        assert ask(exponent=3).json()["outputs"][0]["data"] == [8.0, 27.0]
        refused, failed = ask(exponent=-1), ask(exponent=10)
    assert refused.status_code == 400
    assert "the exponent is negative" in refused.json()["error"]
    assert failed.status_code == 500
    assert "RuntimeError: too much for me" in failed.json()["error"]
    assert "line" not in failed.text
    assert str(file) not in failed.text


def test_a_folder_is_as_it_was_after_a_restart(write, tmp_path, run):
    write("FACTOR = 3\n", "late/parts.py")
    write(
        """
        class Model:
            def predict(self, inputs):
                from .parts import FACTOR

                return inputs["x"] * FACTOR
        """,
        "late/model.py",
    )
    sent = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [2.0]}]}
    for _ in range(2):  # the second start finds the files, and their digest, as they were
        with run(str(tmp_path / "late"), trusted=(str(tmp_path),)) as server:
            answer = httpx.post(f"{server.url}/v2/models/late/infer", json=sent).json()
            assert answer["outputs"][0]["data"] == [6.0]


def test_an_annotation_that_would_be_given_something_else_is_refused(write):
    file = write("""
        class Shout:
            def predict(self, text: list[str]):
                return [one.upper() for one in text]
    """)
    with pytest.raises(BadModelError, match="its `predict` takes list") as refused:
        Model.load(file, trusted=True)
    assert "annotate the argument dict" in str(refused.value)
