"""Which store a URL names."""

from pathlib import Path

from dovetail.base.artifacts.local import LocalStore
from dovetail.base.artifacts.memory import MemoryStore
from dovetail.base.artifacts.s3 import S3Store
from dovetail.base.artifacts.seam import ArtifactStore
from dovetail.base.errors import InvalidInputError

__all__ = ["open_store"]


def open_store(url: str) -> ArtifactStore:
    """Open the store that a URL names.

    Args:
        url: a folder, as a path or `file://` URL, `s3://bucket/prefix`, or `memory:`.

    Raises:
        InvalidInputError: the scheme is not supported.
        MissingExtraError: boto3 is not installed.
        UnavailableError: the bucket cannot be used, and why.
    """
    if url == "memory:":
        return MemoryStore()
    if url.startswith("file://"):
        return LocalStore(Path(url.removeprefix("file://")))
    if url.startswith("s3://"):
        store = S3Store.at(url)
        store.check()
        return store
    if "://" in url:
        scheme = url.split("://", 1)[0]
        raise InvalidInputError(
            f"artifact store {url!r} cannot be opened",
            why=f"the scheme {scheme!r} is not supported",
            fix="give a folder or s3://bucket/prefix",
        )
    return LocalStore(Path(url))
