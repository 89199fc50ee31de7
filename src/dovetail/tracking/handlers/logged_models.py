"""Use cases on logged models: the models that runs make, before anybody registers them."""

import base64
import binascii
import json

from sqlalchemy.engine import Connection

from dovetail.base.ids import new_id
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.filters import LOGGED_MODELS, parse_filter
from dovetail.tracking.names import random_name
from dovetail.tracking.paths import append
from dovetail.tracking.store import experiments, logged_models
from dovetail.tracking.validation import experiment_number
from dovetail.wire.mlflow import (
    CreateLoggedModel,
    DeleteLoggedModelTag,
    Empty,
    FinalizeLoggedModel,
    GetLoggedModel,
    LoggedModelResponse,
    LogLoggedModelParams,
    SearchLoggedModels,
    SearchLoggedModelsResponse,
    SetLoggedModelTags,
)

__all__ = [
    "create",
    "delete",
    "delete_tag",
    "finalize",
    "get",
    "log_params",
    "search",
    "set_tags",
]

_NAME_CHARACTERS = ("/", ":", ".", "%", '"', "'")


def create(b: Backend, c: Connection, q: CreateLoggedModel) -> LoggedModelResponse:
    """Announce a logged model; its files are uploaded next."""
    if q.name and any(char in q.name for char in _NAME_CHARACTERS):
        raise InvalidParameterError(
            f"Invalid model name ({q.name!r}) provided. Model name must be a non-empty string and "
            "cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
        )
    experiment = experiments.active(c, experiment_number(q.experiment_id))
    model_id = f"m-{new_id()}"
    now = b.now()
    values = {
        "model_id": model_id,
        "experiment_id": experiment.experiment_id,
        "name": q.name or random_name(),
        "artifact_location": append(experiment.artifact_location, "models", model_id, "artifacts"),
        "creation_timestamp": now,
        "last_updated_timestamp": now,
        "status": "LOGGED_MODEL_PENDING",
        "lifecycle_stage": experiments.ACTIVE,
        "model_type": q.model_type,
        "source_run_id": q.source_run_id,
    }
    params = {param.key: param.value for param in q.params}
    logged_models.create(c, values, params, {tag.key: tag.value for tag in q.tags})
    return _response(c, model_id)


def _response(c: Connection, model_id: str, *, allow_deleted: bool = False) -> LoggedModelResponse:
    row = logged_models.get(c, model_id, allow_deleted=allow_deleted)
    return LoggedModelResponse(logged_models.entities(c, [row])[0])


def get(b: Backend, c: Connection, q: GetLoggedModel) -> LoggedModelResponse:
    """Get a logged model."""
    return _response(c, q.model_id, allow_deleted=q.allow_deleted)


def finalize(b: Backend, c: Connection, q: FinalizeLoggedModel) -> LoggedModelResponse:
    """Say whether the upload succeeded."""
    logged_models.finish(c, q.model_id, q.status, b.now())
    return _response(c, q.model_id, allow_deleted=True)


def delete(b: Backend, c: Connection, q: GetLoggedModel) -> Empty:
    """Mark a logged model as deleted."""
    logged_models.delete(c, q.model_id, b.now())
    return Empty()


def set_tags(b: Backend, c: Connection, q: SetLoggedModelTags) -> Empty:
    """Set tags of a logged model."""
    logged_models.get(c, q.model_id, allow_deleted=True)
    logged_models.set_tags(c, q.model_id, {tag.key: tag.value for tag in q.tags})
    return Empty()


def delete_tag(b: Backend, c: Connection, q: DeleteLoggedModelTag) -> Empty:
    """Delete a tag of a logged model."""
    logged_models.delete_tag(c, q.model_id, q.tag_key)
    return Empty()


def log_params(b: Backend, c: Connection, q: LogLoggedModelParams) -> Empty:
    """Add parameters to a logged model."""
    logged_models.get(c, q.model_id, allow_deleted=True)
    logged_models.add_params(c, q.model_id, {param.key: param.value for param in q.params})
    return Empty()


def search(b: Backend, c: Connection, q: SearchLoggedModels) -> SearchLoggedModelsResponse:
    """Find logged models, a page at a time."""
    if any(not one.dataset_name for one in q.datasets):
        raise InvalidParameterError("`dataset_name` in the `datasets` clause must be specified.")
    limit = q.max_results or 50
    offset = _offset(q)
    rows = logged_models.find(
        c,
        [experiment_number(text) for text in q.experiment_ids],
        parse_filter(q.filter, LOGGED_MODELS),
        q.datasets,
        q.order_by,
        (offset, limit + 1),
    )
    token = _token(q, offset + limit) if len(rows) > limit else None
    return SearchLoggedModelsResponse(
        models=tuple(logged_models.entities(c, rows[:limit])), next_page_token=token
    )


def _asked(q: SearchLoggedModels) -> dict[str, object]:
    return {
        "experiment_ids": list(q.experiment_ids),
        "filter_string": q.filter or None,
        "order_by": [
            {
                "field_name": one.field_name,
                "ascending": one.ascending,
                "dataset_name": one.dataset_name,
                "dataset_digest": one.dataset_digest,
            }
            for one in q.order_by
        ]
        or None,
    }


def _token(q: SearchLoggedModels, offset: int) -> str:
    return base64.b64encode(json.dumps({**_asked(q), "offset": offset}).encode()).decode()


def _offset(q: SearchLoggedModels) -> int:
    """Return where the page starts; the token must be of this very search, as in MLflow."""
    if not q.page_token:
        return 0
    try:
        token = json.loads(base64.b64decode(q.page_token))
    except (ValueError, binascii.Error) as error:
        raise InvalidParameterError(f"Invalid page token: {q.page_token}. {error}") from error
    names = {
        "experiment_ids": "Experiment IDs in the page token do not match the requested "
        "experiment IDs.",
        "filter_string": "Filter string in the page token does not match the requested filter "
        "string.",
        "order_by": "Order by in the page token does not match the requested order by.",
    }
    for name, asked in _asked(q).items():
        if not isinstance(token, dict) or token.get(name) != asked:
            found = token.get(name) if isinstance(token, dict) else token
            raise InvalidParameterError(f"{names[name]} Expected: {asked}. Found: {found}")
    return int(token.get("offset") or 0)
