"""Rows as Label Studio's entities: what was stored as text is spliced, never parsed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Raw
from sqlalchemy.engine import Row

from dovetail.wire.label_studio.entities import (
    NULL,
    Annotation,
    Draft,
    ExportedAnnotation,
    ExportedTask,
    Prediction,
    Task,
    spliced,
)

__all__ = [
    "People",
    "ago",
    "annotation_json",
    "draft_json",
    "exported_annotation_json",
    "exported_task_json",
    "joined",
    "prediction_json",
    "task_columns",
    "task_json",
]

Json = bytes
_UNITS = (("year", 31_536_000), ("month", 2_592_000), ("week", 604_800), ("day", 86_400),
          ("hour", 3600), ("minute", 60))  # fmt: skip


class People:
    """How users are called in other entities.

    Args:
        names: of users by id, as Label Studio writes them: `first last email, id`.
        now: what time it is, for how long ago things were.
    """

    def __init__(self, names: Mapping[int, str], now: datetime) -> None:
        self._names, self._now = names, now

    def name(self, user: int | None) -> str:
        """Return what a user is called."""
        return self._names.get(user, "") if user is not None else ""

    def ago(self, at: str) -> str:
        """Return how long ago something was."""
        return ago(at, self._now)


def ago(at: str, now: datetime) -> str:
    """Return how long ago a moment was, in its one or two largest units.

    Example:
        >>> ago("2026-01-01T00:00:00Z", datetime.fromisoformat("2026-01-01T02:05:09Z"))
        '2\\xa0hours, 5\\xa0minutes'
    """
    left = max(0, int((now - datetime.fromisoformat(at)).total_seconds()))
    for index, (unit, seconds) in enumerate(_UNITS):
        count, rest = divmod(left, seconds)
        if count:
            said = _counted(count, unit)
            if index + 1 < len(_UNITS):
                smaller, size = _UNITS[index + 1]
                if rest // size:
                    said += f", {_counted(rest // size, smaller)}"
            return said
    return "0\xa0minutes"


def _counted(count: int, unit: str) -> str:
    return f"{count}\xa0{unit}{'' if count == 1 else 's'}"


def joined(parts: Iterable[Json]) -> Json:
    """Return a JSON list of what is JSON already."""
    return b"[" + b",".join(parts) + b"]"


_ANNOTATION = (
    "id",
    "completed_by",
    "created_at",
    "updated_at",
    "draft_created_at",
    "lead_time",
    "was_cancelled",
    "ground_truth",
    "import_id",
    "last_action",
    "bulk_created",
    "updated_by",
    "parent_prediction",
    "parent_annotation",
    "last_created_by",
)
_TASK = (
    "id",
    "created_at",
    "updated_at",
    "inner_id",
    "total_annotations",
    "cancelled_annotations",
    "total_predictions",
    "comment_count",
    "unresolved_comment_count",
    "last_comment_updated_at",
    "file_upload",
)


def _annotation_columns(row: Row[Any]) -> dict[str, Any]:
    """Return what every shape of an annotation says as its row does."""
    said = {name: getattr(row, name) for name in _ANNOTATION}
    return {**said, "result": Raw(row.result), "task": row.task_id, "project": row.project_id}


def task_columns(row: Row[Any]) -> dict[str, Any]:
    """Return what every shape of a task says as its row does."""
    said = {name: getattr(row, name) for name in _TASK}
    return {**said, "data": Raw(row.data), "meta": Raw(row.meta), "project": row.project_id}


def annotation_json(row: Row[Any], people: People) -> Json:
    """Return an annotation as the API shows it."""
    shown = Annotation(
        created_username=people.name(row.completed_by),
        created_ago=people.ago(row.created_at),
        **_annotation_columns(row),
    )
    return spliced(shown, row.extra)


def exported_annotation_json(row: Row[Any]) -> Json:
    """Return an annotation as an export has it."""
    shown = ExportedAnnotation(
        prediction=Raw(row.prediction),
        result_count=row.result_count,
        unique_id=row.unique_id,
        **_annotation_columns(row),
    )
    return spliced(shown, row.extra)


def prediction_json(row: Row[Any], people: People) -> Json:
    """Return a prediction as the API shows it."""
    shown = Prediction(
        id=row.id,
        result=Raw(row.result),
        model_version=row.model_version,
        created_ago=people.ago(row.created_at),
        score=row.score,
        cluster=row.cluster,
        neighbors=Raw(row.neighbors) if row.neighbors else NULL,
        mislabeling=row.mislabeling,
        created_at=row.created_at,
        updated_at=row.updated_at,
        model=row.model,
        model_run=row.model_run,
        task=row.task_id,
        project=row.project_id,
    )
    return spliced(shown, row.extra)


def draft_json(row: Row[Any], people: People, emails: Mapping[int, str]) -> Json:
    """Return a draft as the API shows it."""
    shown = Draft(
        id=row.id,
        user=emails.get(row.user_id, ""),
        created_username=people.name(row.user_id),
        created_ago=people.ago(row.created_at),
        result=Raw(row.result),
        lead_time=row.lead_time,
        was_postponed=row.was_postponed,
        import_id=row.import_id,
        created_at=row.created_at,
        updated_at=row.updated_at,
        task=row.task_id,
        annotation=row.annotation_id,
    )
    return spliced(shown, None)


def task_json(
    row: Row[Any],
    people: People,
    annotations: Sequence[Row[Any]] = (),
    predictions: Sequence[Row[Any]] = (),
    drafts: Json = b"[]",
) -> Json:
    """Return a task as the data manager lists it."""
    timed = [one.lead_time for one in annotations if one.lead_time is not None]
    versions = dict.fromkeys(one.model_version or "" for one in predictions)
    shown = Task(
        predictions=Raw(joined(prediction_json(one, people) for one in predictions)),
        annotations=Raw(joined(annotation_json(one, people) for one in annotations)),
        drafts=Raw(drafts),
        annotators=list(dict.fromkeys(a.completed_by for a in annotations if a.completed_by)),
        completed_at=max((one.created_at for one in annotations), default=None)
        if row.is_labeled
        else None,
        annotations_results=_pretty(annotations),
        predictions_results=_pretty(predictions),
        predictions_score=row.predictions_score,
        annotations_ids=",".join(str(one.id) for one in annotations),
        predictions_model_versions=",".join(versions),
        avg_lead_time=sum(timed) / len(timed) if timed else None,
        draft_exists=drafts != b"[]",
        updated_by=[{"user_id": row.updated_by}] if row.updated_by else [],
        is_labeled=row.is_labeled,
        overlap=row.overlap,
        **task_columns(row),
    )
    return spliced(shown, row.extra)


def _pretty(answers: Sequence[Row[Any]], most: int = 500) -> str:
    """Return the beginning of results, for a cell of a table."""
    said = ", ".join(one.result[:most] for one in answers)
    return said[:most].replace("],[", "] [").replace('"', "")


def exported_task_json(
    row: Row[Any],
    annotations: Sequence[Row[Any]],
    predictions: Sequence[int],
    drafts: Sequence[int] = (),
) -> Json:
    """Return a task as an export has it."""
    shown = ExportedTask(
        annotations=Raw(joined(exported_annotation_json(one) for one in annotations)),
        drafts=list(drafts),
        predictions=list(predictions),
        allow_skip=row.allow_skip,
        updated_by=row.updated_by,
        **task_columns(row),
    )
    return spliced(shown, row.extra)
