"""What MLflow accepts as names, keys, values and sizes, and its words when it does not.

The hot paths call these for every metric, so the check of a key is remembered: a training loop
logs the same few keys for hours.
"""

import json
import posixpath
import re
from collections.abc import Sequence
from functools import lru_cache

from dovetail.tracking.errors import InvalidParameterError, TrackingError
from dovetail.wire.mlflow import Dataset, DatasetInput, Metric, Param, Tag

__all__ = [
    "check_alias",
    "check_batch",
    "check_dataset_inputs",
    "check_experiment_name",
    "check_experiment_tag",
    "check_first_tag",
    "check_key",
    "check_max_results",
    "check_metric",
    "check_model_name",
    "check_model_tag",
    "check_param",
    "check_run_id",
    "check_search_datasets",
    "check_stage",
    "check_tag",
    "experiment_number",
    "version_number",
]

MAX_METRICS = 1000
MAX_PARAMS_TAGS = 100
MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000
MAX_EXPERIMENT_NAME = 500
MAX_EXPERIMENT_TAG = 20_000
MAX_MODEL_TAG = 100_000
MAX_ALIAS = 255
MAX_PAGE = 50_000
MAX_EXPERIMENTS = 20
GREATEST = (1 << 63) - 1
STAGES = ("None", "Staging", "Production", "Archived")

_NAME = re.compile(r"[/\w.\- :]*")
_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")
_ALIAS = re.compile(r"[\w\-]*")
_VERSION_ALIAS = re.compile(r"[vV]\d+")
_BAD_NAME = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), "
    "colon(:) and slashes (/)."
)
_SEE = " See the API docs for more information about request parameters."


@lru_cache(maxsize=4096)
def _name_fault(name: str) -> str | None:
    """Return what is wrong with a key, or None."""
    if not _NAME.fullmatch(name):
        return _BAD_NAME
    norm = posixpath.normpath(name)
    if norm != name or norm == "." or norm.startswith(("..", "/")):
        return (
            "Names may be treated as files in certain cases, and must not resolve to other names"
            f" when treated as such. This name would resolve to {norm!r}"
        )
    return None


def check_key(name: str, path: str = "key") -> None:
    """Check the key of a metric, parameter or tag.

    Args:
        name: the key.
        path: where it stands in the request, for the message.
    """
    fault = _name_fault(name)
    if fault is not None:
        raise InvalidParameterError(
            f"Invalid value {json.dumps(name)} for parameter '{path}' supplied: {fault}"
        )


def _short(what: str, limit: int, value: str) -> str:
    if len(value) > limit:
        raise InvalidParameterError(f"'{what}' exceeds the maximum length of {limit} characters")
    return value


def check_metric(metric: Metric, path: str = "") -> None:
    """Check one point of a metric."""
    dot = f"{path}." if path else ""
    check_key(metric.key, f"{dot}name")
    if metric.timestamp < 0:
        raise InvalidParameterError(
            f"Invalid value {metric.timestamp} for parameter '{dot}timestamp' supplied: metric "
            f"'{metric.key}' (value={metric.value}). Timestamp must be a nonnegative long "
            "(64-bit integer) "
        )
    _short("Metric name", MAX_KEY, metric.key)
    if bool(metric.dataset_name) != bool(metric.dataset_digest):
        raise InvalidParameterError(
            "Both dataset_name and dataset_digest must be provided if one is provided"
        )


def check_param(param: Param, path: str = "") -> tuple[str, str]:
    """Check a parameter; a value that is too long is cut, as MLflow does by default."""
    check_key(param.key, f"{path}.key" if path else "key")
    return _short("Param key", MAX_KEY, param.key), param.value[:MAX_PARAM]


def check_tag(tag: Tag, path: str = "") -> tuple[str, str]:
    """Check a run's tag; a value that is too long is cut, as MLflow does by default."""
    where = f"{path}.key" if path else "key"
    check_key(tag.key, where)
    return _short(where, MAX_KEY, tag.key), tag.value[:MAX_TAG]


def check_first_tag(tag: Tag) -> tuple[str, str]:
    """Check a tag that a run is created with; MLflow lets any characters through there."""
    _check_present(tag.key, "tags.key")
    return _short("key", MAX_KEY, tag.key), tag.value


def check_run_id(run_id: str) -> None:
    """Check that an id could be a run's."""
    if not _RUN_ID.fullmatch(run_id):
        raise InvalidParameterError(
            f"Invalid value {json.dumps(run_id)} for parameter 'run_id' supplied."
        )


def check_search_datasets(experiments: Sequence[str]) -> None:
    """Check how many experiments a search of datasets names."""
    if not experiments:
        raise InvalidParameterError(
            "SearchDatasets request must specify at least one experiment_id."
        )
    if len(experiments) > MAX_EXPERIMENTS:
        raise InvalidParameterError(
            f"SearchDatasets request cannot specify more than {MAX_EXPERIMENTS} experiment_ids. "
            f"Received {len(experiments)} experiment_ids."
        )


def check_batch(
    metrics: Sequence[Metric], params: Sequence[Param], tags: Sequence[Tag]
) -> tuple[dict[str, str], dict[str, str]]:
    """Check one log-batch request and return its parameters and tags by key."""
    for index, metric in enumerate(metrics):
        odd = metric.timestamp < 0 or len(metric.key) > MAX_KEY or metric.dataset_name
        if odd or _name_fault(metric.key):
            _check_present(metric.key, f"metrics[{index}].key")
            check_metric(metric, f"metrics[{index}]")
    for index, param in enumerate(params):
        _check_present(param.key, f"params[{index}].key")
    for index, tag in enumerate(tags):
        _check_present(tag.key, f"tags[{index}].key")
    pairs = [check_param(param, f"params[{i}]") for i, param in enumerate(params)]
    labels = dict(check_tag(tag, f"tags[{i}]") for i, tag in enumerate(tags))
    counts = (
        ("metrics", MAX_METRICS, len(metrics)),
        ("params", MAX_PARAMS_TAGS, len(params)),
        ("tags", MAX_PARAMS_TAGS, len(tags)),
        ("metrics, params, and tags", MAX_METRICS, len(metrics) + len(params) + len(tags)),
    )
    for what, limit, count in counts:
        if count > limit:
            raise InvalidParameterError(
                f"A batch logging request can contain at most {limit} {what}. Got {count} {what}."
                f" Please split up {what} across multiple requests and try again."
            )
    by_key = dict(pairs)
    if len(by_key) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = [key for i, key in enumerate(keys) if key in keys[:i]]
        raise InvalidParameterError(
            f"Duplicate parameter keys have been submitted: {repeated}. Please ensure the request "
            "contains only one param value per param key."
        )
    return by_key, labels


def _check_present(key: str, path: str) -> None:
    if not key:
        raise missing(path)


def check_experiment_name(name: str) -> None:
    """Check the name of an experiment."""
    if not name:
        raise InvalidParameterError(f"Invalid experiment name: '{name}'")
    _short("name", MAX_EXPERIMENT_NAME, name)


def check_experiment_tag(key: str, value: str) -> None:
    """Check a tag of an experiment."""
    check_key(key)
    _short("key", MAX_KEY, key)
    _short("value", MAX_EXPERIMENT_TAG, value)


def experiment_number(text: str) -> int:
    """Return an experiment's id as the number it is."""
    try:
        return _bounded(text)
    except ValueError as error:
        raise InvalidParameterError(
            f"Invalid experiment ID '{text}'. Experiment ID must be a valid integer."
        ) from error


def _bounded(text: str) -> int:
    number = int(text)
    if abs(number) > GREATEST:
        raise ValueError("out of range")
    return number


def check_model_name(name: str) -> None:
    """Check the name of a registered model."""
    if not name.strip():
        raise InvalidParameterError("Missing value for required parameter 'name'.")
    if "/" in name or ":" in name:
        raise InvalidParameterError(
            f"Invalid model name '{name}'. Names cannot contain '/' or ':'."
        )
    norm = posixpath.normpath(name)
    if norm != name or norm == "." or norm.startswith(".."):
        raise InvalidParameterError(
            f"Invalid value {json.dumps(name)} for parameter 'name' supplied: Names may be "
            "treated as files in certain cases, and must not resolve to other names when treated "
            f"as such. This name would resolve to {norm!r}"
        )


def check_model_tag(key: str, value: str) -> None:
    """Check a tag of a registered model or a version."""
    check_key(key)
    _short("key", MAX_KEY, key)
    _short("value", MAX_MODEL_TAG, value)


def version_number(text: str) -> int:
    """Return a version as the number it is."""
    try:
        return _bounded(text)
    except ValueError as error:
        raise InvalidParameterError(
            f"Parameter 'version' must be an integer, got '{text}'."
        ) from error


def check_alias(alias: str, *, reserved: bool = True) -> None:
    """Check an alias.

    Args:
        alias: the name.
        reserved: also refuse names that mean a version.
    """
    if not alias:
        raise InvalidParameterError("Registered model alias name cannot be empty.")
    if not _ALIAS.fullmatch(alias):
        raise InvalidParameterError(
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores "
            "(_), and dashes (-)."
        )
    _short("Registered model alias name", MAX_ALIAS, alias)
    if reserved and alias.lower() == "latest":
        raise InvalidParameterError("'latest' alias name (case insensitive) is reserved.")
    if reserved and _VERSION_ALIAS.fullmatch(alias):
        raise InvalidParameterError(f"Version alias name '{alias}' is reserved.")


def check_stage(stage: str) -> str:
    """Return a stage in its canonical spelling."""
    for known in STAGES:
        if stage.lower() == known.lower():
            return known
    raise InvalidParameterError(
        f"Invalid Model Version stage: {stage}. Value must be one of {', '.join(STAGES)}."
    )


def check_max_results(limit: int, most: int = MAX_PAGE) -> None:
    """Check the size of a page."""
    if limit < 1:
        raise InvalidParameterError(
            f"Invalid value {limit} for parameter 'max_results' supplied. "
            "It must be a positive integer"
        )
    if limit > most:
        raise InvalidParameterError(
            f"Invalid value {limit} for parameter 'max_results' supplied. It must be at most {most}"
        )


def check_dataset_inputs(inputs: Sequence[DatasetInput]) -> None:
    """Check the datasets that a run says it read."""
    for given in inputs:
        _check_dataset(given.dataset)
        for tag in given.tags:
            _short("key", 255, tag.key)
            _short("value", 500, tag.value)


def _check_dataset(dataset: Dataset) -> None:
    for field in ("name", "digest", "source_type", "source"):
        if getattr(dataset, field) is None:
            raise InvalidParameterError(f"Dataset {field} cannot be None")
    _short("name", 500, dataset.name)
    _short("digest", 36, dataset.digest)
    _short("source", 65_535, dataset.source or "")
    _short("schema", 1_048_575, dataset.schema or "")
    _short("profile", 16_777_215, dataset.profile or "")


def missing(parameter: str) -> TrackingError:
    """Return the error for a required parameter that is absent or empty."""
    return InvalidParameterError(f"Missing value for required parameter '{parameter}'.{_SEE}")
