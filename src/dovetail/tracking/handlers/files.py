"""Use cases on single files of runs, logged models and versions, as MLflow's pages ask for them.

Clients take files from the artifact proxy; these calls name the run or the model instead, and the
server finds where its files are.
"""

from sqlalchemy.engine import Connection

from dovetail.base.artifacts import Stat
from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError, MissingResourceError
from dovetail.tracking.places import Place, place_of
from dovetail.tracking.sources import followed
from dovetail.tracking.store import logged_models, runs, versions
from dovetail.tracking.validation import check_model_name, version_number

__all__ = [
    "MAX_UPLOAD",
    "locate",
    "place_of_model",
    "place_of_run",
    "place_of_version",
    "too_large",
    "upload",
]

MAX_UPLOAD = 10 << 20


def place_of_run(b: Backend, c: Connection, run_id: str) -> Place:
    """Return where the artifacts of a run are."""
    return place_of(b, str(runs.get(c, run_id).artifact_uri))


def place_of_model(b: Backend, c: Connection, model_id: str) -> Place:
    """Return where the files of a logged model are."""
    return place_of(b, str(logged_models.get(c, model_id).artifact_location))


def place_of_version(b: Backend, c: Connection, name: str, version: str) -> Place:
    """Return where the files of a registered version are."""
    check_model_name(name)
    row = versions.get(c, name, version_number(version))
    return place_of(b, followed(c, str(row.storage_location or row.source)))


def locate(place: Place, path: str) -> Stat:
    """Return the file at a path in a folder.

    Raises:
        MissingResourceError: there is none.
        InvalidParameterError: it is a folder, or the path could leave the folder.
    """
    try:
        found = place.store.stat(place.inside(path))
    except NotFoundError as error:
        raise MissingResourceError(f"No such artifact: '{path}'") from error
    except InvalidInputError as error:
        raise InvalidParameterError("Invalid path") from error
    if found.is_dir:
        raise InvalidParameterError(f"Artifact path refers to a directory, not a file: '{path}'")
    return found


def upload(place: Place, path: str, body: bytes) -> None:
    """Store a small file in a folder."""
    if len(body) > MAX_UPLOAD:
        raise too_large()
    try:
        place.store.put(place.inside(path), [body])
    except InvalidInputError as error:
        raise InvalidParameterError("Invalid path") from error


def too_large() -> InvalidParameterError:
    """Return the error for a file that should go through the artifact proxy."""
    return InvalidParameterError(f"Artifact size is too large. Max size is {MAX_UPLOAD >> 20}MB.")
