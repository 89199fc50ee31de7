"""Where the files of a model version lie, given the source that a client names.

A source is a URI of the client's choosing, so it is resolved and checked here: a `models:/` URI
becomes the place behind it, and a place on this server must belong to the run or the logged model
that the request names. Otherwise a version could be made to serve files of somebody else.
"""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from sqlalchemy.engine import Connection, Row

from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.paths import (
    append,
    check_source,
    is_local,
    is_proxied,
    is_within,
    local_path,
)
from dovetail.tracking.store import logged_models, models, runs, versions
from dovetail.tracking.validation import check_stage

__all__ = ["Lineage", "followed", "resolve"]


@dataclass(frozen=True)
class Lineage:
    """What a version is made from.

    Attributes:
        source: the URI that is recorded.
        run_id: the run that made the files, if one is known.
        model_id: the logged model, if there is one.
        location: where the files really are; empty until it is resolved.
    """

    source: str
    run_id: str | None
    model_id: str | None
    location: str = ""


def resolve(c: Connection, asked: Lineage) -> Lineage:
    """Check a source and find what it stands for.

    Args:
        c: where to look runs and models up.
        asked: what the request says.

    Raises:
        InvalidParameterError: the source is not allowed, or the request names another owner.
    """
    found = _through_registry(c, asked)
    _check_owner(c, found)
    if not found.location:
        found = replace(found, location=_location(c, found))
    if found.model_id and not found.run_id:
        model = logged_models.get(c, found.model_id, allow_deleted=True)
        found = replace(found, run_id=model.source_run_id)
    return found


def followed(c: Connection, location: str) -> str:
    """Return the place behind `runs:/id/path`, which names a run in place of a folder."""
    if not location.startswith("runs:/"):
        return location
    run_id, _, inner = location.removeprefix("runs:/").lstrip("/").partition("/")
    root = str(runs.get(c, run_id).artifact_uri)
    return append(root, inner) if inner else root


def _refuse(source: str, parameter: str) -> InvalidParameterError:
    return InvalidParameterError(
        f"Invalid model version source: '{source}'. The {parameter} request parameter must "
        "identify the resource that contains the source."
    )


def _split(source: str) -> tuple[str, str | None]:
    """Return the name in a `models:/` URI and what follows it: a version, a stage, `@alias`."""
    path = urlsplit(source, allow_fragments=False).path
    parts = path.lstrip("/").split("/")
    if not path.startswith("/") or len(parts) > 2 or not all(part.strip() for part in parts):
        raise _refuse(source, "model_id")
    if len(parts) == 2:
        return parts[0], parts[1]
    name, at, alias = parts[0].rpartition("@")
    return (name, f"@{alias}") if at else (parts[0], None)


def _through_registry(c: Connection, asked: Lineage) -> Lineage:
    """Follow a source that is itself a registered version."""
    parts = urlsplit(asked.source)
    if parts.scheme != "models":
        return asked
    if parts.netloc:
        raise InvalidParameterError(
            f"Invalid model version source: '{asked.source}'. Registered model sources must use "
            "the active model registry."
        )
    name, which = _split(asked.source)
    if which is None:
        return asked
    row = _version(c, asked.source, name, which)
    for mine, theirs in ((asked.run_id, row.run_id), (asked.model_id, row.model_id)):
        if mine and mine != (theirs or ""):
            raise InvalidParameterError(
                f"Invalid model version source: '{asked.source}'. The run_id and model_id request "
                "parameters must match the referenced model version."
            )
    return Lineage(
        source=f"models:/{name}/{row.version}",
        run_id=asked.run_id or row.run_id,
        model_id=asked.model_id or row.model_id,
        location=row.storage_location or row.source,
    )


def _version(c: Connection, source: str, name: str, which: str) -> Row[tuple[object, ...]]:
    model = models.get(c, name).id
    if which.isdigit():
        return versions.get(c, name, int(which))
    if which.startswith("@"):
        number = models.version_of_alias(c, model, which[1:])
        if number is None:
            raise InvalidParameterError(f"Registered model alias {which[1:]} not found.")
        return versions.get(c, name, number)
    rows = versions.latest(c, [model]).get(model, [])
    if which.lower() != "latest":
        rows = [row for row in rows if row.current_stage == check_stage(which)]
    if not rows:
        raise MissingResourceError(f"No version of model '{name}' fits the source '{source}'.")
    return rows[-1]


def _check_owner(c: Connection, found: Lineage) -> None:
    parameter = "model_id" if found.model_id else "run_id"
    if is_local(found.source):
        _check_local(c, found, parameter)
        return
    check_source(found.source)
    parts = urlsplit(found.source)
    if parts.scheme in ("models", "runs") and parts.netloc:
        raise _refuse(found.source, "model_id" if parts.scheme == "models" else "run_id")
    if parts.scheme == "models":
        name, which = _split(found.source)
        if which is None and name != found.model_id:
            raise _refuse(found.source, "model_id")
    if parts.scheme == "runs":
        run_id = parts.path.lstrip("/").split("/")[0]
        if found.model_id or run_id != found.run_id:
            raise _refuse(found.source, parameter)
    if is_proxied(found.source) and not is_within(found.source, _owned(c, found, parameter)):
        raise _refuse(found.source, parameter)


def _owned(c: Connection, found: Lineage, parameter: str) -> str:
    """Return the artifact root of the run or logged model that the request names."""
    try:
        if found.model_id:
            return str(logged_models.get(c, found.model_id).artifact_location)
        if found.run_id:
            return str(runs.get(c, found.run_id).artifact_uri)
    except MissingResourceError:
        pass
    raise _refuse(found.source, parameter)


def _check_local(c: Connection, found: Lineage, parameter: str) -> None:
    if found.run_id or found.model_id:
        root = _owned(c, found, parameter)
        if is_local(root):
            place, owned = local_path(found.source).resolve(), local_path(root).resolve()
            if owned in (place, *place.parents):
                return
    raise InvalidParameterError(
        f"Invalid model version source: '{found.source}'. To use a local path as a model version "
        f"source, the {parameter} request parameter has to be specified and the local path has to "
        f"be contained within the artifact directory of the run specified by the {parameter}."
    )


def _location(c: Connection, found: Lineage) -> str:
    if urlsplit(found.source).scheme == "models":
        model_id, _ = _split(found.source)
        try:
            return str(logged_models.get(c, model_id).artifact_location)
        except MissingResourceError as error:
            raise InvalidParameterError(
                "Unable to fetch model from model URI source artifact location "
                f"'{found.source}'.Error: {error}"
            ) from error
    return found.source
