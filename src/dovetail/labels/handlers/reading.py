"""What an import brings: objects of any client as rows, checked, nothing lost on the way."""

import uuid
from typing import Any

import msgspec

from dovetail.labels.errors import FieldError, TasksError
from dovetail.labels.handlers.fields import Fields, items, text_of
from dovetail.labels.store.importing import Batch
from dovetail.wire.label_studio.config import LabelConfig

__all__ = [
    "ANNOTATION",
    "PREDICTION",
    "TASK",
    "Reader",
    "annotation_row",
    "draft_row",
    "prediction_row",
]

TASK = frozenset(
    (
        "id", "data", "meta", "annotations", "predictions", "drafts", "created_at",
        "updated_at", "inner_id", "total_annotations", "cancelled_annotations",
        "total_predictions", "comment_count", "unresolved_comment_count",
        "last_comment_updated_at", "project", "updated_by", "comment_authors",
        "file_upload", "allow_skip", "is_labeled", "overlap", "annotators", "completed_at",
        "annotations_results", "predictions_results", "predictions_score",
        "storage_filename", "annotations_ids", "predictions_model_versions",
        "avg_lead_time", "draft_exists", "completions",
    )
)  # fmt: skip
ANNOTATION = frozenset(
    (
        "id", "result", "completed_by", "was_cancelled", "ground_truth", "created_at",
        "updated_at", "draft_created_at", "lead_time", "prediction", "result_count",
        "unique_id", "import_id", "last_action", "bulk_created", "task", "project",
        "updated_by", "parent_prediction", "parent_annotation", "last_created_by",
        "created_username", "created_ago", "completed_by_id", "draft_id", "started_at",
    )
)  # fmt: skip
PREDICTION = frozenset(
    (
        "id", "result", "model_version", "created_ago", "score", "cluster", "neighbors",
        "mislabeling", "created_at", "updated_at", "model", "model_run", "task", "project",
    )
)  # fmt: skip
MOST_ERRORS = 100
SHOWN = 200


class Reader:
    """Reads tasks.

    Args:
        config: what their data must have.
        user: id of who imports: the annotator where none is named.
        now: what time it is.
    """

    def __init__(self, config: LabelConfig, user: int, now: str) -> None:
        self._config, self._user, self._now = config, user, now
        self._needs = config.fields
        self._seen: dict[str, None] = {}
        self._common: set[str] | None = None

    @property
    def columns(self) -> list[str]:
        """The fields that all tasks have."""
        return [name for name in self._seen if name in (self._common or ())]

    def read(self, found: list[Fields], values: list[Any], source: str | None = None) -> Batch:
        """Return tasks as rows.

        Args:
            found: each task's fields as they came.
            values: the same, parsed.
            source: name of the file that they came in.

        Raises:
            TasksError: some cannot be used; it says which and why, at most a hundred.
        """
        batch, errors = Batch(user=self._user), []
        for index, (fields, value) in enumerate(zip(found, values, strict=True)):
            try:
                self._read_one(batch, index, fields, value, source)
            except FieldError as error:
                shown = msgspec.json.encode(value)[:SHOWN].decode(errors="replace")
                errors.append(f"Error at item {index}: {error.what} :: {shown}")
                if len(errors) == MOST_ERRORS:
                    errors.append("...")
                    break
        if errors:
            raise TasksError("\n".join(errors), fix="correct these; nothing was imported")
        return batch

    def _read_one(
        self, batch: Batch, index: int, fields: Fields, value: Any, source: str | None
    ) -> None:
        is_wrapped = "data" in fields
        data = value["data"] if is_wrapped else value
        self._check(data, is_wrapped=is_wrapped)
        text = (
            text_of(fields.values["data"])
            if is_wrapped
            else msgspec.json.encode(fields.values).decode()
        )
        row: dict[str, Any] = {
            "data": text, "meta": "{}", "extra": None, "file_upload": source, "allow_skip": True,
            "created_at": self._now, "updated_at": self._now, "updated_by": None,
        }  # fmt: skip
        if is_wrapped and len(fields.values) > 1:
            row["meta"] = fields.text("meta", "{}")
            row["allow_skip"] = fields.take("allow_skip", bool, True)
            row["extra"] = fields.rest(TASK)
            row["file_upload"] = source or fields.optional("file_upload", str)
            row["created_at"] = fields.moment("created_at", self._now)
            for name, add in (
                ("annotations", self._annotate),
                ("predictions", self._predict),
                ("drafts", self._draft),
            ):
                if name in fields:
                    for one in items(fields.values[name], name):
                        add(batch, index, one)
        batch.tasks.append(row)

    def _check(self, data: Any, *, is_wrapped: bool) -> None:
        where = "item['data']" if is_wrapped else "the item itself"
        if isinstance(data, list):
            return
        if not isinstance(data, dict):
            raise FieldError(f"{where} is {type(data).__name__}, and task data is an object")
        if not all(name in data for name in self._needs):
            missing = self._config.missing_fields(data)
            if missing:
                names = ", ".join(f'"{name}"' for name in missing)
                raise FieldError(f"{names} key is expected in task data, looked for in {where}")
        if self._common is None:
            self._seen = dict.fromkeys(data)
            self._common = set(data)
        elif self._common != data.keys():
            self._common &= data.keys()

    def _annotate(self, batch: Batch, index: int, fields: Fields) -> None:
        if "result" not in fields:
            raise FieldError('Annotation must have "result" fields')
        row = annotation_row(fields, self._now)
        who = fields.optional("completed_by", int | dict)  # type: ignore[arg-type]
        if isinstance(who, dict):
            email = who.get("email")
            if not isinstance(email, str) or not email:
                raise FieldError("completed_by names nobody: it needs 'email'")
            batch.emails.add(email)
            row["completed_by"] = email
        elif isinstance(who, int):
            batch.numbers.add(who)
            row["completed_by"] = who
        else:
            row["completed_by"] = self._user
        row["import_id"] = fields.optional("id", int)
        row["last_action"] = "imported"
        batch.annotations.append((index, row))

    def _predict(self, batch: Batch, index: int, fields: Fields) -> None:
        if "result" not in fields:
            raise FieldError('Prediction must have "result" fields')
        row = prediction_row(fields, self._now)
        batch.last_version = row["model_version"] or ""
        batch.predictions.append((index, row))

    def _draft(self, batch: Batch, index: int, fields: Fields) -> None:
        row = draft_row(fields, self._now)
        who = fields.optional("user", int | str)  # type: ignore[arg-type]
        row["user_id"] = self._user if who is None else who
        batch.drafts.append((index, row))


def annotation_row(fields: Fields, now: str) -> dict[str, Any]:
    """Return an annotation as a row, without its task and its annotator.

    Raises:
        FieldError: a field cannot be used.
    """
    result, count = fields.regions()
    return {
        "result": result,
        "result_count": count,
        "was_cancelled": fields.take("was_cancelled", bool, False),
        "ground_truth": fields.take("ground_truth", bool, False),
        "lead_time": fields.optional("lead_time", float),
        "created_at": fields.moment("created_at", now),
        "updated_at": fields.moment("updated_at", now),
        "draft_created_at": fields.moment("draft_created_at", "") or None,
        "unique_id": fields.take("unique_id", str, "") or str(uuid.uuid4()),
        "import_id": fields.optional("import_id", int),
        "last_action": fields.optional("last_action", str),
        "bulk_created": fields.take("bulk_created", bool, False),
        "updated_by": fields.optional("updated_by", int),
        "parent_prediction": fields.optional("parent_prediction", int),
        "parent_annotation": fields.optional("parent_annotation", int),
        "last_created_by": fields.optional("last_created_by", int),
        "prediction": fields.text("prediction", "{}"),
        "extra": fields.rest(ANNOTATION),
    }


def draft_row(fields: Fields, now: str) -> dict[str, Any]:
    """Return a draft as a row, without its task and whose it is.

    Raises:
        FieldError: a field cannot be used.
    """
    result, _ = fields.regions()
    return {
        "result": result,
        "annotation_id": fields.optional("annotation", int),
        "lead_time": fields.optional("lead_time", float),
        "was_postponed": fields.take("was_postponed", bool, False),
        "import_id": fields.optional("id", int),
        "created_at": fields.moment("created_at", now),
        "updated_at": fields.moment("updated_at", now),
    }


def prediction_row(fields: Fields, now: str) -> dict[str, Any]:
    """Return a prediction as a row, without its task.

    Raises:
        FieldError: a field cannot be used.
    """
    result, _ = fields.regions()
    return {
        "result": result,
        "model_version": fields.take("model_version", str, "undefined"),
        "score": fields.optional("score", float),
        "cluster": fields.optional("cluster", int),
        "neighbors": fields.text("neighbors", "") or None,
        "mislabeling": fields.take("mislabeling", float, 0.0),
        "model": fields.optional("model", int),
        "model_run": fields.optional("model_run", int),
        "created_at": fields.moment("created_at", now),
        "updated_at": fields.moment("updated_at", now),
        "extra": fields.rest(PREDICTION),
    }
