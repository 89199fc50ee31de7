"""What Label Studio's REST API says of projects, tasks, annotations, predictions and users.

Field names and their order are Label Studio's (1.23, its serializers). Task data, results and all
that a client gave as JSON stay `msgspec.Raw`: stored once as text and spliced into answers, so that
nothing is parsed, rounded or reordered on the way. Times are ISO 8601 in UTC with microseconds.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

__all__ = [
    "EMPTY_LIST",
    "EMPTY_OBJECT",
    "NULL",
    "Annotation",
    "Draft",
    "ErrorBody",
    "ExportedAnnotation",
    "ExportedTask",
    "ImportReport",
    "Lock",
    "NextTask",
    "Prediction",
    "Project",
    "ProjectChange",
    "Task",
    "TaskIds",
    "User",
    "UserSimple",
    "spliced",
]

EMPTY_LIST, EMPTY_OBJECT, NULL = Raw(b"[]"), Raw(b"{}"), Raw(b"null")


class UserSimple(Struct, frozen=True, kw_only=True):
    """A user inside another entity."""

    id: int
    first_name: str
    last_name: str
    email: str
    avatar: str | None = None


class User(Struct, frozen=True, kw_only=True):
    """A user, as `/api/users` and `/api/current-user/whoami` say."""

    id: int
    first_name: str
    last_name: str
    username: str
    email: str
    last_activity: str
    avatar: str | None = None
    initials: str
    phone: str = ""
    active_organization: int = 1
    active_organization_meta: dict[str, str] = {}
    allow_newsletters: bool = False
    date_joined: str


class Project(Struct, frozen=True, kw_only=True):
    """A project with its counts.

    Attributes:
        control_weights: JSON object: what each control counts in agreement.
        parsed_label_config: JSON object: the config's controls by name.
        sampling: `Sequential sampling`, `Uniform sampling` or `Uncertainty sampling`.
        skip_queue: `REQUEUE_FOR_OTHERS`, `REQUEUE_FOR_ME` or `IGNORE_SKIPPED`.
    """

    id: int
    title: str | None = ""
    description: str | None = ""
    label_config: str | None = "<View></View>"
    expert_instruction: str | None = ""
    show_instruction: bool = False
    show_skip_button: bool = True
    enable_empty_annotation: bool = True
    show_annotation_history: bool = False
    organization: int = 1
    color: str | None = "#FFFFFF"
    maximum_annotations: int = 1
    is_published: bool = False
    model_version: str | None = ""
    is_draft: bool = False
    created_by: UserSimple
    created_at: str
    min_annotations_to_start_training: int = 0
    start_training_on_annotation_update: bool = False
    show_collab_predictions: bool = True
    num_tasks_with_annotations: int = 0
    task_number: int = 0
    useful_annotation_number: int = 0
    ground_truth_number: int = 0
    skipped_annotations_number: int = 0
    total_annotations_number: int = 0
    total_predictions_number: int = 0
    sampling: str | None = "Sequential sampling"
    show_ground_truth_first: bool = False
    annotator_evaluation_enabled: bool = False
    show_overlap_first: bool = False
    overlap_cohort_percentage: int = 100
    task_data_login: str | None = None
    task_data_password: str | None = None
    control_weights: Raw = EMPTY_OBJECT
    parsed_label_config: Raw = EMPTY_OBJECT
    evaluate_predictions_automatically: bool = False
    config_has_control_tags: bool = False
    skip_queue: str | None = "REQUEUE_FOR_OTHERS"
    reveal_preannotations_interactively: bool = False
    pinned_at: str | None = None
    finished_task_number: int = 0
    queue_total: int = 0
    queue_done: int = 0
    config_suitable_for_bulk_annotation: bool = False


class ProjectChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may be set of a project; what is not given stays as it is."""

    title: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    label_config: str | UnsetType | None = UNSET
    expert_instruction: str | UnsetType | None = UNSET
    show_instruction: bool | UnsetType = UNSET
    show_skip_button: bool | UnsetType = UNSET
    enable_empty_annotation: bool | UnsetType = UNSET
    show_annotation_history: bool | UnsetType = UNSET
    color: str | UnsetType | None = UNSET
    maximum_annotations: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | UnsetType = UNSET
    is_published: bool | UnsetType = UNSET
    model_version: str | UnsetType | None = UNSET
    is_draft: bool | UnsetType = UNSET
    min_annotations_to_start_training: int | UnsetType = UNSET
    show_collab_predictions: bool | UnsetType = UNSET
    sampling: (
        Literal["Sequential sampling", "Uniform sampling", "Uncertainty sampling"]
        | UnsetType
        | None
    ) = UNSET
    show_ground_truth_first: bool | UnsetType = UNSET
    annotator_evaluation_enabled: bool | UnsetType = UNSET
    show_overlap_first: bool | UnsetType = UNSET
    overlap_cohort_percentage: int | UnsetType = UNSET
    task_data_login: str | UnsetType | None = UNSET
    task_data_password: str | UnsetType | None = UNSET
    control_weights: dict[str, Any] | UnsetType | None = UNSET
    evaluate_predictions_automatically: bool | UnsetType = UNSET
    skip_queue: (
        Literal["REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED"] | UnsetType | None
    ) = UNSET
    reveal_preannotations_interactively: bool | UnsetType = UNSET
    pinned_at: str | UnsetType | None = UNSET


class Annotation(Struct, frozen=True, kw_only=True):
    """What a person said of a task.

    Attributes:
        result: JSON list of regions, word for word.
        lead_time: seconds that it took.
        import_id: its id where it was imported from.
    """

    id: int
    result: Raw
    created_username: str
    created_ago: str
    completed_by: int | None
    created_at: str
    updated_at: str
    draft_created_at: str | None
    lead_time: float | None
    was_cancelled: bool
    ground_truth: bool
    import_id: int | None
    last_action: str | None
    bulk_created: bool
    task: int
    project: int
    updated_by: int | None
    parent_prediction: int | None
    parent_annotation: int | None
    last_created_by: int | None


class ExportedAnnotation(Struct, frozen=True, kw_only=True):
    """An annotation in an export.

    Attributes:
        completed_by: the user's id.
        prediction: JSON object: the prediction that it started from, as it was then.
    """

    id: int
    completed_by: int | None
    result: Raw
    was_cancelled: bool
    ground_truth: bool
    created_at: str
    updated_at: str
    draft_created_at: str | None
    lead_time: float | None
    prediction: Raw
    result_count: int
    unique_id: str | None
    import_id: int | None
    last_action: str | None
    bulk_created: bool
    task: int
    project: int
    updated_by: int | None
    parent_prediction: int | None
    parent_annotation: int | None
    last_created_by: int | None


class Prediction(Struct, frozen=True, kw_only=True):
    """What a machine said of a task.

    Attributes:
        score: how sure it is, between 0 and 1.
        model: the ML backend that said it.
    """

    id: int
    result: Raw
    model_version: str | None
    created_ago: str
    score: float | None
    cluster: int | None
    neighbors: Raw
    mislabeling: float
    created_at: str
    updated_at: str
    model: int | None
    model_run: int | None
    task: int
    project: int


class Draft(Struct, frozen=True, kw_only=True):
    """What a person has begun to say of a task."""

    id: int
    user: str
    created_username: str
    created_ago: str
    result: Raw
    lead_time: float | None
    was_postponed: bool
    import_id: int | None
    created_at: str
    updated_at: str
    task: int
    annotation: int | None


class Task(Struct, frozen=True, kw_only=True):
    """A task as the data manager lists it.

    Attributes:
        predictions: JSON list.
        annotations: JSON list.
        drafts: JSON list: those of the caller.
        annotators: ids of those who annotated it.
        inner_id: its number within the project.
        data: JSON object that was imported, word for word.
        meta: JSON that was imported.
    """

    id: int
    predictions: Raw = EMPTY_LIST
    annotations: Raw = EMPTY_LIST
    drafts: Raw = EMPTY_LIST
    annotators: list[int] = []
    inner_id: int | None
    cancelled_annotations: int
    total_annotations: int
    total_predictions: int
    completed_at: str | None = None
    annotations_results: str = ""
    predictions_results: str = ""
    predictions_score: float | None = None
    file_upload: str | None = None
    storage_filename: str | None = None
    annotations_ids: str = ""
    predictions_model_versions: str = ""
    avg_lead_time: float | None = None
    draft_exists: bool = False
    updated_by: list[dict[str, int]]
    data: Raw
    meta: Raw
    created_at: str
    updated_at: str
    is_labeled: bool
    overlap: int
    comment_count: int = 0
    unresolved_comment_count: int = 0
    comment_authors: list[int] = []
    last_comment_updated_at: str | None = None
    project: int


class NextTask(Struct, frozen=True, kw_only=True):
    """The task that is to be labelled next.

    Attributes:
        unique_lock_id: of the lock that keeps it for the caller.
        queue: why it was chosen.
    """

    id: int
    predictions: Raw
    annotations: Raw
    drafts: Raw
    updated_by: list[dict[str, int]]
    unique_lock_id: str
    data: Raw
    meta: Raw
    created_at: str
    updated_at: str
    is_labeled: bool
    overlap: int
    inner_id: int | None
    total_annotations: int
    cancelled_annotations: int
    total_predictions: int
    comment_count: int
    unresolved_comment_count: int
    last_comment_updated_at: str | None
    project: int
    file_upload: str | None = None
    comment_authors: list[int] = []
    queue: str = ""


class ExportedTask(Struct, frozen=True, kw_only=True):
    """A task in an export; predictions and drafts are ids.

    Attributes:
        annotations: JSON list.
    """

    id: int
    annotations: Raw
    file_upload: str | None
    drafts: list[int]
    predictions: list[int]
    data: Raw
    meta: Raw
    created_at: str
    updated_at: str
    allow_skip: bool = True
    inner_id: int | None
    total_annotations: int
    cancelled_annotations: int
    total_predictions: int
    comment_count: int
    unresolved_comment_count: int
    last_comment_updated_at: str | None
    project: int
    updated_by: int | None
    comment_authors: list[int] = []


class Lock(Struct, frozen=True, kw_only=True):
    """Whose turn a task is."""

    task: int
    user: int
    unique_id: str


class TaskIds(Struct, frozen=True, kw_only=True):
    """Ids of tasks."""

    ids: list[int]


class ImportReport(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of an import.

    Attributes:
        duration: seconds.
        found_formats: files by suffix; an empty list where no files came.
        data_columns: what the tasks have in common.
        task_ids: of the new tasks, where they were asked for.
    """

    task_count: int
    annotation_count: int | None
    prediction_count: int | None
    duration: float
    file_upload_ids: list[int]
    could_be_tasks_list: bool
    found_formats: dict[str, int] | list[str]
    data_columns: list[str]
    task_ids: list[int] | UnsetType = UNSET


class ErrorBody(Struct, frozen=True, kw_only=True):
    """An error in Label Studio's shape.

    Attributes:
        id: of the error, for support.
        validation_errors: by field.
    """

    id: str
    status_code: int
    version: str
    detail: str
    exc_info: str | None = None
    validation_errors: Any | UnsetType = UNSET


def spliced(entity: Struct, extra: str | None) -> bytes:
    """Return an entity as JSON, with unknown fields that a client gave.

    Args:
        entity: what is known.
        extra: a JSON object of the rest; None where there is none.

    Example:
        >>> spliced(Lock(task=1, user=2, unique_id="x"), '{"mine": 3}')
        b'{"task":1,"user":2,"unique_id":"x","mine": 3}'
    """
    body = msgspec.json.encode(entity)
    return body if not extra else body[:-1] + b"," + extra.encode()[1:]
