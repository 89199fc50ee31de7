"""What an annotator is shown of tasks and projects: their own answers, and no trace of gold.

A gold item has to look like any other, so what could tell it apart is left out or made the same for
all items: others' answers, counts, when something changed, where a task came from, notes beside the
data, and fields of the data that are not shown to anybody.
"""

from collections.abc import Callable, Collection
from typing import Any

__all__ = ["Shown", "annotation", "annotations", "project", "projects", "queue", "task"]

Shown = Callable[[Any, int, Collection[str]], Any]
"""What is shown of a JSON value: the value, who looks, and the fields that the config shows."""

TASK = (
    "id", "data", "project", "inner_id", "predictions", "annotations", "drafts", "created_at",
    "unique_lock_id", "allow_skip", "total_predictions", "predictions_score", "draft_exists",
    "predictions_model_versions", "predictions_results",
)  # fmt: skip
SAME: dict[str, Any] = {
    "meta": {}, "is_labeled": False, "overlap": 1, "updated_by": [], "annotators": [],
    "comment_count": 0, "unresolved_comment_count": 0, "last_comment_updated_at": None,
    "comment_authors": [], "file_upload": None, "storage_filename": None, "completed_at": None,
    "annotations_results": "", "avg_lead_time": None, "queue": None, "reviewers_count": 0,
}  # fmt: skip
ANNOTATION = (
    "id", "result", "created_username", "created_ago", "completed_by", "created_at", "updated_at",
    "draft_created_at", "lead_time", "was_cancelled", "last_action", "task", "project",
    "parent_prediction", "parent_annotation", "unique_id",
)  # fmt: skip
PROJECT = (
    "id", "title", "description", "label_config", "parsed_label_config", "expert_instruction",
    "show_instruction", "show_skip_button", "enable_empty_annotation", "color", "created_at",
    "show_annotation_history", "organization", "is_published", "control_weights", "skip_queue",
    "reveal_preannotations_interactively", "maximum_annotations", "sampling", "is_draft",
    "evaluate_predictions_automatically", "show_collab_predictions", "config_has_control_tags",
)  # fmt: skip


def task(value: Any, user: int, fields: Collection[str]) -> Any:
    """Return a task as an annotator sees it.

    Args:
        value: As the API has it.
        user: Who looks.
        fields: Fields of the data that the label config shows.
    """
    if not isinstance(value, dict):
        return value
    own = annotations(value.get("annotations", []), user, fields)
    shown = {key: value[key] for key in TASK if key in value}
    shown |= {key: same for key, same in SAME.items() if key in value}
    if "annotations" in value:
        shown["annotations"] = own
    skipped = sum(bool(one.get("was_cancelled")) for one in own)
    for key, count in (
        ("total_annotations", len(own) - skipped),
        ("cancelled_annotations", skipped),
    ):
        if key in value:
            shown[key] = count
    if "annotations_ids" in value:
        shown["annotations_ids"] = ",".join(str(one["id"]) for one in own)
    if "updated_at" in value:
        shown["updated_at"] = value.get("created_at")
    data = value.get("data")
    if isinstance(data, dict):
        shown["data"] = {key: data[key] for key in data if key in fields}
    return shown


def queue(value: Any, _: int, fields: Collection[str]) -> Any:
    """Return the items that a desk loads ahead: what the label config shows, and no counts."""
    if not isinstance(value, dict):
        return value
    items = [
        {**one, "data": {key: one["data"][key] for key in one["data"] if key in fields}}
        if isinstance(one.get("data"), dict)
        else one
        for one in value.get("items", [])
    ]
    return {"items": items, "left": None}


def annotation(value: Any, user: int, _: Collection[str]) -> Any:
    """Return one's own annotation as an annotator sees it."""
    if not isinstance(value, dict) or _who(value) != user:
        return value if not isinstance(value, dict) or "id" not in value else {}
    shown = {key: value[key] for key in ANNOTATION if key in value}
    return shown | {"ground_truth": False}


def annotations(value: Any, user: int, fields: Collection[str]) -> list[Any]:
    """Return one's own annotations, ground truth left out, of a list."""
    if not isinstance(value, list):
        return []
    own = [one for one in value if isinstance(one, dict) and _who(one) == user]
    return [annotation(one, user, fields) for one in own if not one.get("ground_truth")]


def project(value: Any, _: int, __: Collection[str]) -> Any:
    """Return a project as an annotator sees it: what they work by, and no counts."""
    if not isinstance(value, dict):
        return value
    return {key: value[key] for key in PROJECT if key in value}


def projects(open_to: Collection[int]) -> Shown:
    """Return what shows a page of projects, of which only some are open."""

    def shown(value: Any, user: int, fields: Collection[str]) -> Any:
        listed = value.get("results", []) if isinstance(value, dict) else value
        kept = [
            project(one, user, fields)
            for one in listed
            if isinstance(one, dict) and one.get("id") in open_to
        ]
        if not isinstance(value, dict):
            return kept
        return {"count": len(kept), "next": None, "previous": None, "results": kept}

    return shown


def _who(value: dict[str, Any]) -> Any:
    who = value.get("completed_by")
    return who.get("id") if isinstance(who, dict) else who
