"""The ML-backend protocol of Label Studio: a model beside a labelling tool, over plain HTTP.

The tool asks `/health` and `/setup`, sends tasks to `/predict`, and tells of answers at `/webhook`;
`/train` and `/versions` are the older way to order training and to list what there is. The
messages serve both ends; regions are kept word for word as the tool or the model wrote them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from dovetail.wire import lenient
from dovetail.wire.http import BadAnswer, HttpClient

__all__ = [
    "ANNOTATIONS_CREATED",
    "ANNOTATIONS_DELETED",
    "ANNOTATION_CREATED",
    "ANNOTATION_UPDATED",
    "START_TRAINING",
    "Annotation",
    "Client",
    "Event",
    "Health",
    "PredictParams",
    "PredictRequest",
    "PredictResponse",
    "Prediction",
    "ProjectFacts",
    "Region",
    "SetupRequest",
    "SetupResponse",
    "Task",
    "TrainRequest",
    "TrainResponse",
    "VersionsResponse",
    "WebhookResponse",
    "project_id",
]

Region = dict[str, Any]
"""A region as it came: id, from_name, to_name, type, value, and whatever else was there."""

ANNOTATION_CREATED = "ANNOTATION_CREATED"
ANNOTATIONS_CREATED = "ANNOTATIONS_CREATED"
ANNOTATION_UPDATED = "ANNOTATION_UPDATED"
ANNOTATIONS_DELETED = "ANNOTATIONS_DELETED"
START_TRAINING = "START_TRAINING"


class Annotation(Struct, frozen=True, kw_only=True):
    """What a person answered on one task.

    Attributes:
        id: Its number; None where the tool gave none.
        result: The regions, word for word.
        task: The task's number, where the tool says it.
        completed_by: Who, as a number or as an object with an `id`.
        was_cancelled: Whether the person skipped the task.
        ground_truth: Whether the tool holds it to be true.
        lead_time: Seconds that it took.
    """

    id: int | None = None
    result: list[Region] = []
    task: int | None = None
    completed_by: int | dict[str, Any] | None = None
    was_cancelled: bool = False
    ground_truth: bool = False
    lead_time: float | None = None

    @property
    def person(self) -> int | None:
        """The number of who answered."""
        found = self.completed_by
        if isinstance(found, dict):
            found = found.get("id")
        return found if isinstance(found, int) else None


class Task(Struct, frozen=True, kw_only=True):
    """A task as the tool sends it.

    Attributes:
        id: Its number; None for one that is not stored.
        data: What is labelled, by field.
        meta: What the importer said of it.
        annotations: What people answered already.
        predictions: What models answered already.
        project: The number of its project.
    """

    id: int | None = None
    data: dict[str, Any] = {}
    meta: dict[str, Any] | None = None
    annotations: list[Annotation] = []
    predictions: list[dict[str, Any] | int] = []
    project: int | None = None


class Prediction(Struct, frozen=True, kw_only=True):
    """What a model answers on one task.

    Attributes:
        result: The regions, word for word.
        score: How sure the model is, 0 to 1 by custom; None where it does not say.
        model_version: Which version answered; None where it does not say.
    """

    result: list[Region] = []
    score: float | None = None
    model_version: str | None = None


class Health(Struct, frozen=True, kw_only=True):
    """Whether a backend lives, and what it is."""

    status: str = "UP"
    model_class: str = ""


class SetupRequest(Struct, frozen=True, kw_only=True):
    """What the tool tells a backend when it is connected.

    Attributes:
        project: `ID.UNIXTIME` of the project.
        schema: The label config, XML.
        hostname: Where the tool is.
        access_token: The API token of whoever made the project. A secret: never log or store it.
        extra_params: What the user wrote for the backend.
    """

    project: str = ""
    schema: str = ""
    hostname: str = ""
    access_token: str = ""
    extra_params: Any = None

    def __repr__(self) -> str:
        """Everything but the token, so that no log or traceback can show it."""
        token = "..." if self.access_token else ""
        return (
            f"SetupRequest(project={self.project!r}, schema={self.schema!r}, "
            f"hostname={self.hostname!r}, access_token={token!r})"
        )

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Likewise for tracebacks that show variables."""
        return [(name, getattr(self, name)) for name in ("project", "schema", "hostname")]


class SetupResponse(Struct, frozen=True, kw_only=True):
    """Which version of the model answers from now on."""

    model_version: str | None = None


class PredictParams(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What goes with the tasks of one call.

    Attributes:
        context: What a person has drawn so far, in interactive labelling.
        login: Credentials for the data, a custom of old versions. Secret.
        password: Likewise.
    """

    context: Any = None
    login: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """The context only."""
        return f"PredictParams(context={self.context!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Likewise."""
        return [("context", self.context)]


class PredictRequest(Struct, frozen=True, kw_only=True):
    """Tasks to predict; `project` and `label_config` as in `SetupRequest`."""

    tasks: list[Task] = []
    project: str = ""
    label_config: str = ""
    params: PredictParams = PredictParams()


class PredictResponse(Struct, frozen=True, kw_only=True):
    """One answer for each task, in order; a model may give several answers to a task."""

    results: list[Prediction | list[Prediction] | None] = []


class ProjectFacts(Struct, frozen=True, kw_only=True):
    """What an event tells of the project.

    Attributes:
        id: Its number.
        title: Its name.
        label_config: Its label config, XML.
        model_version: The version whose predictions the tool shows.
    """

    id: int | None = None
    title: str = ""
    label_config: str = ""
    model_version: str | None = None


class Event(Struct, frozen=True, kw_only=True):
    """Something happened in the tool.

    Attributes:
        action: What, `ANNOTATION_CREATED` for example.
        project: Where.
        annotation: The answer, or the answers.
        annotations: The answers that were deleted; only their ids are told.
        task: The task of the answer, or the tasks.
        tasks: The tasks that were made or deleted.
    """

    action: str = ""
    project: ProjectFacts | None = None
    annotation: Annotation | list[Annotation] | None = None
    annotations: list[Annotation] = []
    task: Task | list[Task] | None = None
    tasks: list[Task] = []

    def answered(self) -> list[tuple[Task, Annotation]]:
        """The answers of the event, each with its task where the event brings it."""
        told = self.annotation if self.annotation is not None else []
        answers = [told] if isinstance(told, Annotation) else told
        given = self.task if self.task is not None else []
        tasks = [given] if isinstance(given, Task) else given
        known = {task.id: task for task in tasks}
        found = []
        for place, answer in enumerate(answers):
            task = known.get(answer.task) if answer.task is not None else None
            if task is None:  # old tools leave the number out; then tasks and answers go together
                alike = len(tasks) == len(answers) and answer.task is None
                task = tasks[place] if alike else Task(id=answer.task)
            found.append((task, answer))
        return found


class WebhookResponse(Struct, frozen=True, kw_only=True):
    """That an event arrived; `result` is the model's own."""

    status: str = "ok"
    result: Any = None


class TrainRequest(Struct, frozen=True, kw_only=True):
    """The older order to train, with every answered task."""

    annotations: list[Task] = []
    project: str = ""
    label_config: str = ""


class TrainResponse(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """That training began; `job` names it where the backend says so."""

    status: str = "ok"
    job: str | int | None = None


class VersionsResponse(Struct, frozen=True, kw_only=True):
    """The versions that a backend has, the newest last by custom."""

    versions: list[str] = []
    message: str | UnsetType = UNSET


def project_id(text: str) -> str:
    """The project's number in `ID.UNIXTIME`, as text.

    Examples:
        >>> project_id("7.1764288000")
        '7'
    """
    return text.partition(".")[0]


class Client(HttpClient):
    """A client of any Label Studio ML backend, a user's own or ours.

    Examples:
        >>> with Client("http://localhost:9090") as backend:  # doctest: +SKIP
        ...     backend.setup("7.1764288000", "<View>...</View>")
        ...     found = backend.predict([Task(data={"text": "fine"})], label_config="<View>...")
        ...     print(found[0][0].score)
        0.93
    """

    def health(self) -> Health:
        """Ask whether the backend lives.

        Raises:
            WireError: It does not.
        """
        return self.get("/health", Health)

    def setup(
        self,
        project: str,
        label_config: str,
        *,
        hostname: str = "",
        access_token: str = "",
        extra_params: Any = None,
    ) -> str:
        """Tell the backend of the project and return the version of its model, "" if unsaid.

        Args:
            project: `ID.UNIXTIME`, or the number alone.
            label_config: XML.
            hostname: Where the backend finds the tool.
            access_token: What lets the backend in there. Give one that may do little, or none.
            extra_params: What the user wrote for the backend.
        """
        said = SetupRequest(
            project=project,
            schema=label_config,
            hostname=hostname,
            access_token=access_token,
            extra_params=extra_params,
        )
        return self.post("/setup", said, SetupResponse, repeatable=True).model_version or ""

    def predict(
        self,
        tasks: Sequence[Task],
        *,
        project: str = "",
        label_config: str = "",
        context: Any = None,
    ) -> list[list[Prediction]]:
        """Ask for predictions: for each task, in order, none, one or several.

        A backend that answers only the first task of many is asked for each, as Label Studio does.

        Raises:
            BadAnswer: The answers cannot be told apart.
            WireError: No answer, or an error answer.
        """
        if not tasks:
            return []
        asked = PredictRequest(
            tasks=list(tasks),
            project=project,
            label_config=label_config,
            params=PredictParams(context=context),
        )
        said = self.post("/predict", asked, PredictResponse, repeatable=True).results
        if len(said) == len(tasks):
            return [_several(one) for one in said]
        if len(said) == 1:
            rest = [
                self.predict([task], project=project, label_config=label_config, context=context)
                for task in tasks[1:]
            ]
            return [_several(said[0]), *(found for one in rest for found in one)]
        raise BadAnswer(
            f"{len(said)} predictions for {len(tasks)} tasks, which cannot be matched",
            url=f"{self.url}/predict",
        )

    def notify(self, event: Event | Mapping[str, Any]) -> WebhookResponse:
        """Tell the backend of an event, a typed one or the body that a webhook sends."""
        answer = self.send(
            "POST",
            "/webhook",
            content=msgspec.json.encode(event),
            headers={"Content-Type": "application/json"},
        )
        try:
            return lenient.decode(answer.content, WebhookResponse)
        except msgspec.DecodeError:  # nobody reads this answer, and many backends write none
            return WebhookResponse()

    def train(
        self, tasks: Sequence[Task] = (), *, project: str = "", label_config: str = ""
    ) -> TrainResponse:
        """Order training in the older way, with the answered tasks."""
        said = TrainRequest(annotations=list(tasks), project=project, label_config=label_config)
        return self.post("/train", said, TrainResponse)

    def versions(self) -> list[str]:
        """The versions that the backend has.

        Raises:
            NotFound: It does not list them, as many do not.
        """
        return self.get("/versions", VersionsResponse).versions


def _several(one: Prediction | list[Prediction] | None) -> list[Prediction]:
    if one is None:
        return []
    return [one] if isinstance(one, Prediction) else one
