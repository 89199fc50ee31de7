"""Where the files of a registry's model lie, for those who fetch them without asking a registry."""

from urllib.parse import urlsplit

from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.serving.manifest.places import STORAGE, Entry
from dovetail.serving.sources import parse_uri
from dovetail.wire import mlflow
from dovetail.wire.http import NotFound

__all__ = ["resolve"]


def resolve(entry: Entry, registry: str) -> str:
    """Return the storage URI of a model's version, an alias resolved as of now.

    Args:
        entry: a model of a registry.
        registry: URL of the MLflow server; only this machine has to reach it.

    Raises:
        InvalidInputError: none is named, or the files are not in a bucket.
        NotFoundError: the registry does not have the version.
    """
    if not registry:
        raise InvalidInputError(
            f"{entry.uri!r} is looked up in a registry, and none is named",
            fix="give the MLflow server: --registry http://127.0.0.1:5000",
        )
    named = parse_uri(entry.uri)
    if named is None:
        raise InvalidInputError(f"{entry.uri!r} is no model of a registry")
    try:
        with mlflow.Client(registry) as client:
            version = named.version or client.get_alias(named.name, named.alias).version
            uri = client.get_download_uri(named.name, version)
    except NotFound as error:
        raise NotFoundError(f"{entry.uri} is not in the registry", why=error.message) from error
    if urlsplit(uri).scheme in STORAGE:
        return uri
    raise InvalidInputError(
        f"the files of {entry.uri!r} are not in a bucket",
        why=f"they lie at {uri!r}, which only the registry can read",
        fix=f"copy them to one and give {entry.name}=s3://BUCKET/PATH, or use --kind kserve",
    )
