"""Reference profiles kept with the model, in any MLflow registry: ours, MLflow's own, another's.

The profile is a file among the artifacts of the version's run, where everything else of the model
is; a tag of the version says which file, as a `runs:/` address that MLflow's own client reads too.
A profile that was logged to the run before the version existed is found by its usual name.
"""

import re
from dataclasses import dataclass

from dovetail.monitoring.errors import ProfileUnknownError, ReferenceInvalidError
from dovetail.monitoring.profile_file import LIMIT
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.references import renamed
from dovetail.wire import mlflow
from dovetail.wire.http import BadRequest, NotFound, ServerFault
from dovetail.wire.mlflow.attachments import attach, put_in_run
from dovetail.wire.monitoring import PROFILE_PATH, PROFILE_TAG, profile_path

__all__ = ["fetch_profile", "log_profile"]

_MODEL = re.compile(r"models:/(?P<name>[^@]+?)(?:@(?P<alias>[^@/]+)|/(?P<version>[^@/]+))")
_RUN = re.compile(r"runs:/(?P<run>[0-9A-Za-z_-]{1,64})(?:/(?P<path>.+))?")


@dataclass(frozen=True)
class _Place:
    """A file of a run, and whose profile it is."""

    run: str
    path: str
    model: str = ""
    version: str = ""


def log_profile(
    reference: Reference,
    registry: str | mlflow.Client,
    *,
    run_id: str = "",
    model: str = "",
    version: str = "",
    token: str | None = None,
) -> str:
    """Keep a profile with a model in an MLflow registry.

    Args:
        reference: The profile.
        registry: Address of the MLflow server, or a client of it.
        run_id: The run that trains the model; where the version is registered from it later, the
            profile is found.
        model: With a version, in place of a run: the registered model.
        version: Its version.
        token: Bearer token, where an address is given.

    Returns:
        Where it lies, as `runs:/<run>/<path>`.

    Raises:
        ReferenceInvalidError: Neither a run nor a version is named, or the profile is of another.
        WireError: The registry does not answer, or refuses.

    Example:
        >>> from dovetail.monitoring import Reference, log_profile
        >>> reference = Reference.fit({"wind": [3.5, 4.0, 9.0, 2.0]})
        >>> log_profile(reference, "http://mlflow:5000", model="flights", version="3")
        ... # doctest: +SKIP
        'runs:/0f3a.../monitoring/profile-3-6b1d0c1f5a2e.json'
    """
    if not run_id and not (model and version):
        raise ReferenceInvalidError(
            "it is not said where to keep the profile", fix="name a run, or a model and a version"
        )
    if isinstance(registry, str):
        with mlflow.Client(registry, token=token) as client:
            return log_profile(reference, client, run_id=run_id, model=model, version=version)
    if not version:
        return put_in_run(registry, run_id, PROFILE_PATH, reference.profile())
    kept = renamed(reference, model, version)
    path, body = profile_path(version, kept.digest), kept.profile()
    return attach(registry, model, version, path, body, tag=PROFILE_TAG, run_id=run_id)


def fetch_profile(
    uri: str, registry: str | mlflow.Client, *, token: str | None = None
) -> Reference:
    """Get the profile that is kept with a model.

    Args:
        uri: `models:/flights@champion`, `models:/flights/3` or `runs:/<run>`.
        registry: Address of the MLflow server, or a client of it.
        token: Bearer token, where an address is given.

    Raises:
        ProfileUnknownError: There is no such model, or no profile with it.
        ReferenceInvalidError: What is there is no profile, or a newer one, or of another model.
        WireError: The registry does not answer, or refuses.
    """
    if isinstance(registry, str):
        with mlflow.Client(registry, token=token) as client:
            return fetch_profile(uri, client)
    place = _place(registry, uri)
    query = [("path", place.path), ("run_uuid", place.run)]
    try:
        answer = registry.stream("/get-artifact", query=query)
    except (NotFound, BadRequest, ServerFault) as error:
        # MLflow's own server answers a missing file with a fault of its own.
        raise ProfileUnknownError(uri, str(error)) from error
    try:
        data = b""
        for part in answer.iter_bytes(1 << 20):
            data += part
            if len(data) > LIMIT:
                break  # the reader says that it is too large
    finally:
        answer.close()
    return renamed(Reference.from_profile(data), place.model, place.version)


def _place(client: mlflow.Client, uri: str) -> _Place:
    """Where the profile of a model or run lies."""
    if found := _RUN.fullmatch(uri):
        return _Place(found["run"], found["path"] or PROFILE_PATH)
    asked = _MODEL.fullmatch(uri)
    if asked is None:
        raise ReferenceInvalidError(
            f"'{uri}' names no model", fix="write models:/flights@champion or models:/flights/3"
        )
    try:
        if asked["alias"]:
            version = client.get_alias(asked["name"], asked["alias"])
        else:
            version = client.get_model_version(asked["name"], asked["version"])
    except (NotFound, BadRequest) as error:  # a version that is no number is a bad request
        raise ProfileUnknownError(uri, str(error)) from error
    tag = next((tag.value for tag in version.tags if tag.key == PROFILE_TAG), "")
    named = _RUN.fullmatch(tag)
    if named and named["path"]:
        return _Place(named["run"], named["path"], version.name, str(version.version))
    if not version.run_id:
        why = "the version has no run, and no tag says where its profile is"
        raise ProfileUnknownError(uri, why)
    return _Place(version.run_id, PROFILE_PATH, version.name, str(version.version))
