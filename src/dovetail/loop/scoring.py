"""Scores of one version over the Open Inference Protocol, whichever server answers.

Both deployers score alike; they differ in how a tensor travels. Scores made here are marked with
the role `test`, so that monitoring takes them for neither live nor shadow traffic.
"""

import numpy as np
import numpy.typing as npt

from dovetail.loop.errors import NoProbabilityError
from dovetail.wire.open_inference import (
    Client,
    InferenceRequest,
    InferenceResponse,
    Tensor,
    from_array,
    to_array,
)

__all__ = ["Scorer", "positive_scores"]

ROWS = 4096


def positive_scores(answer: InferenceResponse, rows: int) -> npt.NDArray[np.float64]:
    """Return the probability of the positive class from an answer.

    Args:
        answer: its first output of floating-point numbers, or else its first, has shape [rows],
            [rows, 1] or [rows, 2], whose last column is taken.
        rows: how many are expected.

    Raises:
        NoProbabilityError: the output has another shape, or values that are no probabilities.
    """
    if not answer.outputs:
        raise NoProbabilityError(answer.model_name, "there is no output")
    values = np.asarray(to_array(_scores_of(answer)), dtype=np.float64)
    if values.ndim > 2 or values.shape[:1] != (rows,) or values.shape[1:] not in ((), (1,), (2,)):
        raise NoProbabilityError(
            answer.model_name, f"the output has shape {list(values.shape)} for {rows} rows"
        )
    scores = values if values.ndim == 1 else values[:, -1]
    if not bool(((scores >= 0) & (scores <= 1)).all()):
        raise NoProbabilityError(answer.model_name, "values are missing or not from 0 to 1")
    return scores


def _scores_of(answer: InferenceResponse) -> Tensor:
    """Return the output with the scores; classifiers may answer whole-numbered labels before it."""
    floating = (output for output in answer.outputs if output.datatype.startswith("FP"))
    return next(floating, answer.outputs[0])


class Scorer:
    """Asks one version at a time.

    Args:
        serving: the inference server.
        model: the model's name there.
        binary: whether tensors travel as raw bytes (Triton's extension) or as JSON, in which a
            missing value is null.
    """

    def __init__(self, serving: Client, model: str, *, binary: bool) -> None:
        self._serving, self._model, self._binary = serving, model, binary

    def score(self, version: str, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return a version's probability of the positive class for each row."""
        parts = []
        for start in range(0, len(inputs), ROWS):
            rows = inputs[start : start + ROWS]
            tensor = from_array("input", rows, datatype="FP32", binary=self._binary)
            request = InferenceRequest(inputs=(tensor,), parameters={"role": "test"})
            answer = self._serving.infer(self._model, request, version=version)
            parts.append(positive_scores(answer, len(rows)))
        return np.concatenate(parts) if parts else np.empty(0)
