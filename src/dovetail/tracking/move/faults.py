"""What of a source cannot be kept: names and ids that do not fit, or that could mislead.

A source is not trusted: ids become parts of paths, and texts become columns. What does not fit is
passed over with the reason, and the rest goes on.
"""

import re
from collections.abc import Iterable

from dovetail.tracking.move.records import ModelRecord, RegisteredRecord, RunRecord
from dovetail.tracking.move.texts import is_broken
from dovetail.wire.mlflow import Experiment, Tag

__all__ = ["of_experiment", "of_model", "of_registered", "of_run"]

_ID = re.compile(r"[A-Za-z0-9][\w\-]*")
RUN_ID, MODEL_ID, KEY, NAME, DIGEST, MODEL_NAME, ALIAS = 32, 36, 250, 500, 36, 256, 255
INPUT_KEY, INPUT_VALUE = 255, 500
_STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
_STAGES = ("active", "deleted")
_VERSION_STATUSES = ("PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY", None)
LARGEST, LAST_VERSION = 2**63, 2**31


def _of_texts(what: str, pairs: Iterable[tuple[str, str]], longest: int = KEY) -> str:
    for key, value in pairs:
        if not key or len(key) > longest:
            return f"the key of a {what} is empty or longer than {longest} characters"
        if is_broken(key) or is_broken(value):
            return f"{what} {key!r} is not text that a database takes"
    return ""


def _of_tags(what: str, tags: Iterable[Tag], longest: int = KEY) -> str:
    return _of_texts(what, ((tag.key, tag.value) for tag in tags), longest)


def _of_id(what: str, name: str, longest: int) -> str:
    if len(name) > longest or not _ID.fullmatch(name):
        return f"{name!r} cannot be the id of a {what}"
    return ""


def _of_numbers(what: str, *numbers: int | None) -> str:
    if all(-LARGEST <= (number or 0) < LARGEST for number in numbers):
        return ""
    return f"a {what} is too large"


def of_experiment(experiment: Experiment) -> str:
    """Return what is wrong with an experiment, or an empty text."""
    if not 0 < len(experiment.name) <= NAME:
        return "its name is empty or too long"
    return (
        _of_numbers("time", experiment.creation_time, experiment.last_update_time)
        or _of_texts("field", [("name", experiment.name)])
        or _of_tags("tag", experiment.tags)
    )


def of_run(record: RunRecord) -> str:
    """Return what is wrong with a run, or an empty text."""
    info, data = record.run.info, record.run.data
    if fault := _of_id("run", info.run_id, RUN_ID):
        return fault
    if info.status not in _STATUSES or info.lifecycle_stage not in _STAGES:
        return f"its state {info.status!r}, {info.lifecycle_stage!r} is unknown"
    names = [("name", info.run_name or ""), ("user", info.user_id or "")]
    return (
        _of_numbers("time", info.start_time, info.end_time, record.deleted_time)
        or _of_texts("field", names)
        or _of_texts("parameter", ((p.key, p.value) for p in data.params))
        or _of_tags("tag", data.tags)
        or _of_inputs(record)
    )


def _of_inputs(record: RunRecord) -> str:
    for one in record.run.inputs.dataset_inputs if record.run.inputs else ():
        d = one.dataset
        if len(d.name) > NAME or len(d.digest) > DIGEST:
            return f"the name or the digest of dataset {d.name[:60]!r} is too long"
        texts = (d.source_type, d.source, d.schema, d.profile)
        if any(is_broken(text or "") for text in texts):
            return f"dataset {d.name!r} is not text that a database takes"
        if any(len(tag.value) > INPUT_VALUE for tag in one.tags):
            return f"a tag of dataset {d.name!r} is longer than {INPUT_VALUE} characters"
        if fault := _of_tags("tag of a dataset", one.tags, INPUT_KEY):
            return fault
    links = [m.model_id for m in record.run.inputs.model_inputs] if record.run.inputs else []
    links += [m.model_id for m in record.run.outputs.model_outputs] if record.run.outputs else []
    return next(filter(None, (_of_id("model", link, MODEL_ID) for link in links)), "")


def of_model(record: ModelRecord) -> str:
    """Return what is wrong with a logged model, or an empty text."""
    info, data = record.model.info, record.model.data
    run = info.source_run_id
    return (
        _of_id("logged model", info.model_id, MODEL_ID)
        or (_of_id("run", run, RUN_ID) if run else "")
        or ("its name is too long" if len(info.name) > NAME else "")
        or _of_texts("field", [("name", info.name), ("type", info.model_type or "")])
        or _of_texts("parameter", ((p.key, p.value) for p in data.params))
        or _of_tags("tag", info.tags)
        or _of_texts("metric", ((m.key, m.run_id or "") for m in data.metrics))
        or _of_numbers("time", info.creation_timestamp_ms, info.last_updated_timestamp_ms)
    )


def of_registered(record: RegisteredRecord) -> str:
    """Return what is wrong with a registered model, or an empty text."""
    model = record.model
    fault = (
        ("its name is empty or too long" if not 0 < len(model.name) <= MODEL_NAME else "")
        or _of_texts("field", [("name", model.name), ("description", model.description or "")])
        or _of_tags("tag", model.tags)
        or _of_texts("alias", ((a.alias, "") for a in model.aliases), ALIAS)
        or _of_numbers("time", model.creation_timestamp, model.last_updated_timestamp)
    )
    if fault:
        return fault
    for one in record.versions:
        v = one.version
        texts = [("description", v.description or ""), ("source", v.source or "")]
        if fault := _of_texts("field", texts) or _of_tags("tag", v.tags):
            return f"version {v.version}: {fault}"
        if not 0 < int(v.version) < LAST_VERSION or v.status not in _VERSION_STATUSES:
            return f"version {v.version}: its number or its status is not one"
        if fault := _of_numbers("time", v.creation_timestamp, v.last_updated_timestamp):
            return f"version {v.version}: {fault}"
        if len(v.run_id or "") > RUN_ID or len(v.current_stage or "") > 20:
            return f"version {v.version}: its run or its stage is too long"
    return ""
