"""A user's model behind any Open Inference server, as a maker of features.

It is asked in batches; its first output of floats is the vectors. Texts go as BYTES. Images go as
the bytes of their files where the model takes BYTES, else as pixels in the size and order that its
metadata tells, floats from 0 to 1.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from dovetail.base import extras
from dovetail.base.errors import InvalidInputError, SettingsError, UnavailableError
from dovetail.labels.learning.rows import Singles
from dovetail.wire import open_inference as oip
from dovetail.wire.http import WireError

__all__ = ["Embedder"]

_BATCH = 64
_FLOATS = ("FP16", "FP32", "FP64", "BF16")


class Embedder:
    """Embeds through a served model.

    Args:
        url: `http://host:8080/v2/models/NAME`, with `/versions/V` where one version is meant.
        setting: Where the URL stands, for errors.

    Raises:
        SettingsError: it is no address of a model.
    """

    def __init__(self, url: str, setting: str) -> None:
        parts = urlsplit(url)
        before, _, named = parts.path.partition("/v2/models/")
        name, _, version = named.strip("/").partition("/versions/")
        if parts.scheme not in ("http", "https") or not name or "/" in name:
            raise SettingsError(
                f"[labels] {setting} {url!r} is no address of a model",
                fix="give http://host:8080/v2/models/NAME",
            )
        self._base = f"{parts.scheme}://{parts.netloc}{before}"
        self._name, self._version = unquote(name), unquote(version) or None

    def __call__(self, values: Sequence[Any]) -> Singles:
        """float32[n, size]: vectors of texts, or of images by their bytes; NaN for None.

        Raises:
            UnavailableError: the server does not answer as it should.
            InvalidInputError: the model cannot take these values, or gives no vectors.
        """
        known = [place for place, value in enumerate(values) if value is not None]
        try:
            with oip.Client(self._base) as client:
                facts = client.model_metadata(self._name, self._version)
                if not facts.inputs:
                    raise InvalidInputError(f"the model {self._name!r} names no input")
                pack = _packer(facts.inputs[0])
                size = _size(facts)
                found = np.full((len(values), size), np.nan, np.float32)
                for start in range(0, len(known), _BATCH):
                    part = known[start : start + _BATCH]
                    vectors = self._ask(client, pack([values[place] for place in part]), len(part))
                    if vectors.shape[1] != found.shape[1]:
                        found = np.full((len(values), vectors.shape[1]), np.nan, np.float32)
                    found[part] = vectors
        except WireError as error:
            raise UnavailableError(
                f"the model {self._name!r} that embeds does not answer at {self._base}",
                why=str(error),
                fix="look whether it is served and ready",
            ) from error
        return found

    def _ask(self, client: oip.Client, tensor: oip.Tensor, rows: int) -> Singles:
        request = oip.InferenceRequest(inputs=(tensor,))
        answer = client.infer(self._name, request, version=self._version)
        for output in answer.outputs:
            if output.datatype in _FLOATS:
                found = np.asarray(oip.to_array(output), np.float32)
                if found.size and found.size % rows == 0:
                    return found.reshape(rows, -1)
        raise InvalidInputError(
            f"the model {self._name!r} answers {rows} values without a vector of floats for each"
        )


def _size(facts: oip.ModelMetadata) -> int:
    for output in facts.outputs or ():
        if output.datatype in _FLOATS and output.shape and output.shape[-1] > 0:
            return int(output.shape[-1])
    return 1


def _packer(taken: oip.TensorMetadata) -> Callable[[Sequence[Any]], oip.Tensor]:
    """How values become the model's input."""
    name, datatype, shape = taken.name, taken.datatype, [int(x) for x in taken.shape]

    def of_bytes(values: Sequence[Any]) -> oip.Tensor:
        # Some take [-1, 1], as pipelines of scikit-learn do.
        block = np.empty((len(values), 1) if len(shape) == 2 else len(values), object)
        block.ravel()[:] = list(values)
        return oip.from_array(name, block, datatype="BYTES", binary=isinstance(values[0], bytes))

    def of_pixels(values: Sequence[Any]) -> oip.Tensor:
        last = len(shape) == 4 and shape[3] in (1, 3)
        tall, wide = (shape[1], shape[2]) if last else (shape[-2], shape[-1])
        colours = shape[3] if last else shape[1]
        pixels = np.stack([_pixels(one, tall, wide, colours) for one in values])
        if datatype in _FLOATS:
            pixels = pixels / 255
        return oip.from_array(
            name, pixels if last else np.moveaxis(pixels, 3, 1), datatype=datatype, binary=True
        )

    if datatype == "BYTES":
        return of_bytes
    if len(shape) != 4 or min(shape[1:]) < 1:
        raise InvalidInputError(
            f"the model takes {datatype} of shape {shape}, which is neither texts nor images",
            fix="serve one that takes BYTES, or images of a fixed size",
        )
    return of_pixels


def _pixels(body: Any, tall: int, wide: int, colours: int) -> Any:
    if not isinstance(body, bytes):
        raise InvalidInputError("the model takes images, and the field holds none")
    image = extras.require("PIL.Image", extra="labels-images", feature="embedding images")
    try:
        with image.open(io.BytesIO(body), formats=("PNG", "JPEG", "GIF", "BMP", "WEBP")) as opened:
            small = opened.convert("L" if colours == 1 else "RGB").resize((wide, tall))
            return np.asarray(small, np.float32).reshape(tall, wide, colours)
    except Exception:  # hostile bytes: as dark as no image
        return np.zeros((tall, wide, colours), np.float32)
