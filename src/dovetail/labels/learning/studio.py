"""Our side of Label Studio's ML-backend protocol: it asks for predictions and tells of answers.

What a webhook tells is kept at once and learned from in the background. Predictions are made from
the newest model; before there is one, none are given, and Label Studio writes none. The API token
that `/setup` carries is not looked at: nothing here needs it.
"""

from collections.abc import Callable, Sequence

import msgspec

from dovetail.base.errors import InvalidInputError
from dovetail.labels.learning.records import Records, Told
from dovetail.labels.learning.rooms import Room
from dovetail.labels.learning.trainer import Trainer
from dovetail.wire.label_studio import backend as wire
from dovetail.wire.label_studio.config import ConfigError, LabelConfig, parse

__all__ = ["UNTRAINED", "Studio"]

UNTRAINED = "untrained"
_ANSWERED = (wire.ANNOTATION_CREATED, wire.ANNOTATIONS_CREATED, wire.ANNOTATION_UPDATED)


class Studio:
    """Answers the protocol for one kind of room.

    Args:
        records: What is kept.
        trainer: Learns.
        room: The room by a project as the caller names it.
        config: A label config that all projects must ask the questions of; "" for any.
    """

    def __init__(
        self, records: Records, trainer: Trainer, room: Callable[[str], Room], config: str = ""
    ) -> None:
        self._records, self._trainer, self._room = records, trainer, room
        self._config = config

    def health(self) -> wire.Health:
        """That it lives."""
        return wire.Health(model_class="DovetailLabeller")

    def setup(self, project: str, said: wire.SetupRequest) -> wire.SetupResponse:
        """Take the label config, and say which model answers.

        Raises:
            AbsentError: there is no such project here.
            InvalidInputError: the config cannot be learned.
        """
        room = self._room(project)
        self._take_config(room, said.schema)
        return wire.SetupResponse(model_version=self._version(room))

    def predict(self, project: str, said: wire.PredictRequest) -> wire.PredictResponse:
        """Predict tasks; answers that they bring are learned from.

        Raises:
            AbsentError: there is no such project here.
            InvalidInputError: the config cannot be learned.
        """
        room = self._room(project)
        self._take_config(room, said.label_config)
        if said.params.context is None:
            self._take_tasks(room, said.tasks)
        known = self._trainer.model(room.key)
        if known is None:  # an empty list is no prediction, and an empty result is an empty one
            if said.params.context is None:
                return wire.PredictResponse(results=[[] for _ in said.tasks])
            nothing = wire.Prediction(score=0.0, model_version=UNTRAINED)
            return wire.PredictResponse(results=[nothing for _ in said.tasks])
        name, labeller = known
        found = labeller.predict([task.data for task in said.tasks], room.reader())
        return wire.PredictResponse(
            results=[
                wire.Prediction(result=one.result, score=one.score, model_version=name)
                for one in found
            ]
        )

    def hear(self, project: str, event: wire.Event) -> wire.WebhookResponse:
        """Take an event in.

        Raises:
            AbsentError: there is no such project here.
            InvalidInputError: the config cannot be learned.
        """
        room = self._room(project)
        if event.project is not None and event.project.label_config:
            self._take_config(room, event.project.label_config, event.project.title)
        asked = event.action == wire.START_TRAINING
        changed = 0
        if event.action in _ANSWERED:
            changed = self._take_answers(room, event)
        elif event.action == wire.ANNOTATIONS_DELETED:
            gone = [one.id for one in event.annotations if one.id is not None]
            changed = self._records.take_back(room.key, annotations=gone)
        elif event.action == "TASKS_DELETED":
            tasks = [task.id for task in event.tasks if task.id is not None]
            changed = self._records.take_back(room.key, tasks=tasks)
        elif event.action == "TASKS_CREATED":
            self._records.tell(room.key, [], _seen(event.tasks))
        if changed or asked:
            self._trainer.wake(room.key, events=changed, asked=asked)
        return wire.WebhookResponse()

    def train(self, project: str, said: wire.TrainRequest) -> wire.TrainResponse:
        """Take answered tasks in the older way, and learn.

        Raises:
            AbsentError: there is no such project here.
            InvalidInputError: the config cannot be learned.
        """
        room = self._room(project)
        self._take_config(room, said.label_config)
        self._take_tasks(room, said.annotations)
        self._trainer.wake(room.key, asked=True)
        return wire.TrainResponse()

    def versions(self, project: str) -> wire.VersionsResponse:
        """The versions, the newest last.

        Raises:
            AbsentError: there is no such project here.
        """
        found = self._records.listed(self._room(project).key)
        return wire.VersionsResponse(versions=[one.name for one in reversed(found)])

    def _version(self, room: Room) -> str:
        known = self._trainer.model(room.key)
        return known[0] if known is not None else UNTRAINED

    def _take_config(self, room: Room, xml: str, title: str = "") -> None:
        if not xml:
            return
        from dovetail.labels.learning.questions import questions

        config = _readable(xml)
        if self._config and questions(config) != questions(parse(self._config)):
            raise InvalidInputError(
                "the project asks other questions than this backend was started for",
                fix="start another backend for it, or one without --label-config",
            )
        if not questions(config):
            raise InvalidInputError(
                "the label config asks nothing that can be learned",
                why="Choices, Pairwise, Rating and Number are learned; spans and boxes are not",
            )
        if self._records.config(room.key)[0] != xml:
            self._records.keep_config(room.key, xml, title)

    def _take_answers(self, room: Room, event: wire.Event) -> int:
        told, cancelled = [], []
        for task, answer in event.answered():
            if answer.id is None or task.id is None or not task.data:
                continue
            if answer.was_cancelled:
                cancelled.append(answer.id)
            else:
                told.append(_told(task, answer))
        self._records.tell(room.key, told)
        return len(told) + self._records.take_back(room.key, annotations=cancelled)

    def _take_tasks(self, room: Room, tasks: Sequence[wire.Task]) -> None:
        told = [
            _told(task, answer)
            for task in tasks
            for answer in task.annotations
            if answer.id is not None and task.id is not None and not answer.was_cancelled
        ]
        self._records.tell(room.key, told, _seen(tasks))
        if told:
            self._trainer.wake(room.key)


def _readable(xml: str) -> LabelConfig:
    try:
        return parse(xml)
    except ConfigError as error:
        raise InvalidInputError("the label config cannot be read", why=str(error)) from error


def _told(task: wire.Task, answer: wire.Annotation) -> Told:
    person = answer.person
    return Told(
        annotation=answer.id or 0,
        task=task.id or 0,
        source=f"studio-{person if person is not None else 'unknown'}",
        is_gold=answer.ground_truth,
        data=msgspec.json.encode(task.data).decode(),
        result=msgspec.json.encode(answer.result).decode(),
    )


def _seen(tasks: Sequence[wire.Task]) -> list[tuple[int, str]]:
    return [
        (task.id, msgspec.json.encode(task.data).decode())
        for task in tasks
        if task.id is not None and task.data
    ]
