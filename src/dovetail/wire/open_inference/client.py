"""A small client of any Open Inference server, with Triton's and our own extensions."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from dovetail.wire.http import JSON, BadAnswer, BadRequest, Busy, HttpClient, NotFound, segment
from dovetail.wire.open_inference import codec
from dovetail.wire.open_inference.messages import (
    IndexEntry,
    InferenceRequest,
    InferenceResponse,
    LoadRequest,
    ModelMetadata,
    ModelStatistics,
    ServerMetadata,
    StatisticsResponse,
    Traffic,
    UnloadRequest,
)


class Client(HttpClient):
    """A client of the Open Inference Protocol v2 over REST.

    Examples:
        >>> with Client("http://localhost:8080") as server:  # doctest: +SKIP
        ...     x = from_array("input", [[0.1, 0.2]], datatype="FP32")
        ...     answer = server.infer("flights", InferenceRequest(inputs=(x,)))
        ...     print(answer.model_version, to_array(answer.output("score")))
        3 [[0.18]]
    """

    def is_live(self) -> bool:
        """Whether the server says that it lives."""
        return self._says_yes("/v2/health/live")

    def is_ready(self) -> bool:
        """Whether the server says that its models can be called."""
        return self._says_yes("/v2/health/ready")

    def is_model_ready(self, model: str, version: str | None = None) -> bool:
        """Whether a model, or one version of it, can be called."""
        return self._says_yes(_model(model, version) + "/ready")

    def server_metadata(self) -> ServerMetadata:
        """What the server is and which extensions it has."""
        return self.get("/v2", ServerMetadata)

    def model_metadata(self, model: str, version: str | None = None) -> ModelMetadata:
        """What a model takes and gives."""
        return self.get(_model(model, version), ModelMetadata)

    def infer(
        self,
        model: str,
        request: InferenceRequest,
        *,
        version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> InferenceResponse:
        """Call a model; tensors whose data is bytes go under the binary extension.

        Args:
            model: The model's name.
            request: What to compute.
            version: The version to ask; None leaves the choice to the server.
            headers: Further HTTP headers.

        Raises:
            BadAnswer: The answer is no inference response.
            WireError: No answer, or an error answer.
        """
        body, length = codec.encode_request(request)
        kind = JSON if length is None else {"Content-Type": "application/octet-stream"}
        sized = {} if length is None else {codec.HEADER_LENGTH: str(length)}
        answer = self.send(
            "POST",
            _model(model, version) + "/infer",
            content=body,
            headers={**kind, **sized, **(headers or {})},
            repeatable=False,
        )
        return _response(answer)

    def index(self, *, ready: bool = False) -> list[IndexEntry]:
        """List the repository's models, or only those that are ready."""
        body = {"ready": True} if ready else {}
        return self.post("/v2/repository/index", body, list[IndexEntry], repeatable=True)

    def load(
        self, model: str, *, uri: str | None = None, parameters: Mapping[str, Any] | None = None
    ) -> None:
        """Load a model.

        Args:
            model: The name under which it will be called.
            uri: Our extension: what to load, "models:/flights/3" for example, beside the
                versions already there.
            parameters: Further parameters of the load.
        """
        given = dict(parameters or {}) | ({"uri": uri} if uri is not None else {})
        self._order(f"{_repository(model)}/load", LoadRequest(parameters=given or None))

    def unload(self, model: str, *, version: str | None = None) -> None:
        """Unload a model, or by our extension one version of it."""
        given = {"version": version} if version is not None else None
        self._order(f"{_repository(model)}/unload", UnloadRequest(parameters=given))

    def statistics(
        self, model: str | None = None, version: str | None = None
    ) -> tuple[ModelStatistics, ...]:
        """How often models were called and where the time went."""
        path = "/v2/models/stats" if model is None else _model(model, version) + "/stats"
        return self.get(path, StatisticsResponse).model_stats

    def get_traffic(self, model: str) -> Traffic:
        """How unversioned calls spread over the versions of a model (our extension)."""
        return self.get(_model(model) + "/traffic", Traffic)

    def put_traffic(self, model: str, weights: Mapping[str, float]) -> Traffic:
        """Spread unversioned calls over the versions of a model (our extension)."""
        return self.post(_model(model) + "/traffic", Traffic(dict(weights)), Traffic, method="PUT")

    def _order(self, path: str, body: msgspec.Struct) -> None:
        self.send("POST", path, content=msgspec.json.encode(body), headers=JSON)

    def _says_yes(self, path: str) -> bool:
        try:
            self.send("GET", path, repeatable=False)
        except (BadRequest, Busy, NotFound):  # how servers of this protocol say no
            return False
        return True


def _response(answer: httpx.Response) -> InferenceResponse:
    length = answer.headers.get(codec.HEADER_LENGTH)
    try:
        return codec.decode_response(answer.content, None if length is None else int(length))
    except ValueError as error:
        raise BadAnswer(
            f"the answer is no inference response: {error}",
            status=answer.status_code,
            url=str(answer.request.url),
        ) from error


def _model(model: str, version: str | None = None) -> str:
    path = f"/v2/models/{segment(model)}"
    return path if version is None else f"{path}/versions/{segment(version)}"


def _repository(model: str) -> str:
    return f"/v2/repository/models/{segment(model)}"
