"""Projects: what is asked of annotators, and how far they are."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Raw
from sqlalchemy.engine import Row

from dovetail.labels.backend import Backend, Changed
from dovetail.labels.errors import AbsentError, FieldError
from dovetail.labels.handlers.configs import config_of, is_bulk
from dovetail.labels.handlers.keeping import check_kept
from dovetail.labels.handlers.users import Users
from dovetail.labels.store import projects as rows
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.entities import Project, ProjectChange, UserSimple

__all__ = ["Projects", "options_of"]

EMPTY = "<View></View>"
COLUMNS = ("title", "label_config", "maximum_annotations", "skip_queue", "pinned_at")
TITLE = range(3, 201)
REQUEUE = "REQUEUE_FOR_OTHERS"


class Projects:
    """Projects.

    Args:
        backend: the surroundings.
        users: who annotates.
    """

    def __init__(self, backend: Backend, users: Users) -> None:
        self._backend, self._users = backend, users

    def create(self, change: ProjectChange, user: int) -> Project:
        """Make a project.

        Raises:
            FieldError: a field cannot be used.
        """
        values = _values(change)
        title = values.pop("title", None)
        config = config_of(values.pop("label_config", None) or EMPTY)
        row = {
            "title": _title(title) if title else "New Project",
            **_config_columns(config),
            "maximum_annotations": values.pop("maximum_annotations", 1),
            "skip_queue": values.pop("skip_queue", None) or REQUEUE,
            "pinned_at": values.pop("pinned_at", None),
            "options": msgspec.json.encode(_checked(values)).decode(),
            "created_by": user,
            "created_at": self._backend.now(),
        }

        def write(c: sa.Connection) -> int:
            number = rows.add(c, row)
            self._backend.record(c, "PROJECT_CREATED", number, [number])
            return number

        number = self._backend.database.write(write)
        self._backend.changed(Changed("PROJECT_CREATED", number, [number]))
        return self.get(number, user)

    def get(self, number: int, user: int) -> Project:
        """Return a project.

        Raises:
            AbsentError: there is none.
        """

        def read(c: sa.Connection) -> tuple[Row[Any] | None, int]:
            return rows.find(c, number), rows.done_by(c, number, user)

        row, done = self._backend.database.read(read)
        if row is None:
            raise AbsentError("project", number)
        return self.shown(row, done)

    def row(self, number: int, c: sa.Connection | None = None) -> Row[Any]:
        """Return a project as it is stored.

        Args:
            number: its id.
            c: a connection; None to take one.

        Raises:
            AbsentError: there is none.
        """
        read = self._backend.database.read
        row = rows.find(c, number) if c else read(lambda one: rows.find(one, number))
        if row is None:
            raise AbsentError("project", number)
        return row

    def config(self, number: int) -> LabelConfig:
        """Return the label config of a project."""
        return config_of(self.row(number).label_config)

    def list(
        self, *, title: str = "", numbers: Sequence[int] = (), limit: int = 30, offset: int = 0
    ) -> tuple[int, list[Project]]:
        """Return how many projects there are, and some of them, newest first."""
        total, found = self._backend.database.read(
            lambda c: rows.list_page(c, title=title, numbers=numbers, limit=limit, offset=offset)
        )
        return total, [self.shown(row, 0) for row in found]

    def change(self, number: int, change: ProjectChange, user: int) -> Project:
        """Change a project.

        Raises:
            AbsentError: there is none.
            FieldError: a field cannot be used.
            LabelConfigError: the label config drops a control that annotations name.
        """
        before = self.row(number)
        values = _values(change)
        columns = {name: values.pop(name) for name in COLUMNS if name in values}
        if "title" in columns:
            columns["title"] = _title(columns["title"] or before.title)
        if "label_config" in columns:
            config = config_of(columns.pop("label_config") or EMPTY)
            self._keep(before, config, is_strict=False)
            columns |= _config_columns(config)
        if columns.get("skip_queue", "") is None:
            columns["skip_queue"] = REQUEUE
        if values:
            merged = {**options_of(before), **_checked(values)}
            columns["options"] = msgspec.json.encode(merged).decode()
        if columns:

            def write(c: sa.Connection) -> None:
                rows.change(c, number, columns)
                self._backend.record(c, "PROJECT_UPDATED", number, [number])

            self._backend.database.write(write)
            self._backend.changed(Changed("PROJECT_UPDATED", number, [number]))
        return self.get(number, user)

    def validate(self, number: int, xml: str) -> bool:
        """Check a label config for a project, and return whether it shows other fields.

        Raises:
            AbsentError: there is no such project.
            LabelConfigError: it cannot be used, or drops what annotations name.
        """
        row, config = self.row(number), config_of(xml)
        self._keep(row, config, is_strict=True)
        return config_of(row.label_config).fields != config.fields

    def _keep(self, row: Row[Any], config: LabelConfig, *, is_strict: bool) -> None:
        before = config_of(row.label_config)
        self._backend.database.read(
            lambda c: check_kept(c, row.id, before, config, is_strict=is_strict)
        )

    def remove(self, number: int) -> None:
        """Delete a project and everything in it.

        Raises:
            AbsentError: there is none.
        """

        def write(c: sa.Connection) -> None:
            if not rows.remove(c, number):
                raise AbsentError("project", number)
            self._backend.record(c, "PROJECT_DELETED", number, [number])

        self._backend.database.write(write)
        self._backend.changed(Changed("PROJECT_DELETED", number, [number]))

    def model_versions(self, number: int) -> dict[str, int]:
        """Return how many predictions of each model version a project has."""
        self.row(number)
        return self._backend.database.read(lambda c: rows.model_versions(c, number))

    def summary(self, number: int) -> dict[str, Any]:
        """Return the fields of the tasks and the controls that are answered.

        Raises:
            AbsentError: there is no such project.
        """
        row = self.row(number)
        config = config_of(row.label_config)
        return {
            "all_data_columns": dict.fromkeys(config.fields, row.tasks),
            "common_data_columns": list(config.fields),
            "created_annotations": {},
            "created_labels": {},
            "project": number,
            "created_at": row.created_at,
        }

    def annotators(self, number: int) -> Sequence[UserSimple]:
        """Return who has annotated in a project.

        Raises:
            AbsentError: there is no such project.
        """
        self.row(number)
        found = self._backend.database.read(lambda c: rows.annotators(c, number))
        return [self._users.simple(user) for user in found]

    def shown(self, row: Row[Any], done: int = 0) -> Project:
        """Return a stored project as the API shows it.

        Args:
            row: the project with its counts.
            done: tasks that the caller has annotated.
        """
        options = options_of(row)
        cancelled, truth = row.cancelled, row.ground_truth
        return Project(
            id=row.id,
            title=row.title,
            label_config=row.label_config,
            maximum_annotations=row.maximum_annotations,
            skip_queue=row.skip_queue,
            pinned_at=row.pinned_at,
            created_by=self._users.simple(row.created_by),
            created_at=row.created_at,
            parsed_label_config=Raw(row.parsed),
            config_has_control_tags=row.parsed != "{}",
            config_suitable_for_bulk_annotation=row.is_bulk,
            control_weights=Raw(msgspec.json.encode(options.pop("control_weights", None) or {})),
            start_training_on_annotation_update=bool(
                options.get("min_annotations_to_start_training")
            ),
            num_tasks_with_annotations=row.annotated,
            task_number=row.tasks,
            finished_task_number=row.finished,
            total_annotations_number=row.annotations,
            skipped_annotations_number=cancelled,
            ground_truth_number=truth,
            useful_annotation_number=max(0, row.annotations - cancelled - truth),
            total_predictions_number=row.predictions,
            queue_total=max(done, row.tasks - row.finished + done),
            queue_done=done,
            **options,
        )


def options_of(row: Row[Any]) -> dict[str, Any]:
    """Return what is set of a project and has no column of its own."""
    found: dict[str, Any] = msgspec.json.decode(row.options)
    return found


def _values(change: ProjectChange) -> dict[str, Any]:
    given = msgspec.structs.asdict(change)
    return {name: value for name, value in given.items() if value is not UNSET}


def _checked(values: Mapping[str, Any]) -> Mapping[str, Any]:
    color = values.get("color")
    if color is not None and not _is_color(color):
        raise FieldError('Color must be in "#RRGGBB" format', "color")
    return values


def _is_color(text: str) -> bool:
    digits = set("0123456789abcdefABCDEF")
    return text == "" or (len(text) == 7 and text[0] == "#" and set(text[1:]) <= digits)


def _title(title: str) -> str:
    if len(title.strip()) not in TITLE:
        raise FieldError(
            f"the title has {len(title.strip())} characters",
            "title",
            fix=f"give it {TITLE[0]} to {TITLE[-1]}",
        )
    return title


def _config_columns(config: LabelConfig) -> dict[str, Any]:
    return {
        "label_config": config.xml,
        "parsed": msgspec.json.encode(config.parsed_label_config()).decode(),
        "is_bulk": is_bulk(config),
    }
