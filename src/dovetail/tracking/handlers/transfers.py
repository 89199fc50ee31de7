"""Use cases on large files: uploads in parts, and URLs to download from."""

from collections.abc import Iterator
from contextlib import contextmanager

from dovetail.base.artifacts import Part, clean_path
from dovetail.base.errors import InvalidInputError, NotFoundError
from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import (
    InvalidParameterError,
    MissingResourceError,
    UnsupportedError,
)
from dovetail.tracking.handlers.artifacts import locate, proxy_path
from dovetail.tracking.paths import safe_path
from dovetail.tracking.transfers import Transfers
from dovetail.wire.mlflow import (
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CreateMultipartUpload,
    CreateMultipartUploadResponse,
    Empty,
    MultipartUploadCredential,
    PresignedDownloadUrl,
)

__all__ = ["abort", "begin", "complete", "presigned"]


def begin(
    b: Backend, base: str, folder: str, q: CreateMultipartUpload
) -> CreateMultipartUploadResponse:
    """Begin an upload and say where its parts go.

    Args:
        b: the surroundings.
        base: this server, as the client calls it.
        folder: where the file shall lie.
        q: the file and how many parts it has.
    """
    path, transfers = _target(b, folder, q.path), _transfers(b, "upload")
    transfers.sweep()
    with _in_mlflows_words():
        upload = transfers.parts.begin(path, q.num_parts)
    numbers = range(1, q.num_parts + 1)
    credentials = tuple(
        MultipartUploadCredential(
            url=transfers.part_url(base, path, upload, number), part_number=number
        )
        for number in numbers
    )
    return CreateMultipartUploadResponse(upload_id=upload, credentials=credentials)


def complete(b: Backend, folder: str, q: CompleteMultipartUpload) -> Empty:
    """Put the parts of an upload together; only then the file is there."""
    path, transfers = _target(b, folder, q.path), _transfers(b, "upload")
    parts = [Part(one.part_number, one.etag or "") for one in q.parts]
    with _in_mlflows_words():
        transfers.parts.complete(path, q.upload_id, parts)
    return Empty()


def abort(b: Backend, folder: str, q: AbortMultipartUpload) -> Empty:
    """Throw an upload away; an absent one is fine."""
    path, transfers = _target(b, folder, q.path), _transfers(b, "upload")
    with _in_mlflows_words():
        transfers.parts.abort(path, q.upload_id)
    return Empty()


def presigned(b: Backend, base: str, path: str) -> PresignedDownloadUrl:
    """Say where a file can be fetched in ranges."""
    plain, transfers = proxy_path(b, path), _transfers(b, "download")
    found = locate(b, plain)
    url = transfers.download_url(base, found.path)
    return PresignedDownloadUrl(url=url, headers={}, file_size=found.size)


def _target(b: Backend, folder: str, file: str) -> str:
    """Return where the client's file goes: its name, in the folder."""
    name = safe_path(file.replace("\\", "/").rsplit("/", 1)[-1])
    if not name.strip("."):
        raise InvalidParameterError("Invalid path")
    plain = proxy_path(b, "/".join(part for part in (folder.strip("/"), name) if part))
    with _in_mlflows_words():
        return clean_path(plain)


def _transfers(b: Backend, direction: str) -> Transfers:
    if b.transfers is None:  # clients know these words, and stream through the proxy instead
        raise UnsupportedError(
            f"Multipart {direction} is not supported for the current artifact repository"
        )
    return b.transfers


@contextmanager
def _in_mlflows_words() -> Iterator[None]:
    try:
        yield
    except NotFoundError as error:
        raise MissingResourceError(str(error)) from error
    except InvalidInputError as error:
        raise InvalidParameterError(str(error)) from error
