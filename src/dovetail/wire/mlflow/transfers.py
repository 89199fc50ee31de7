"""Uploads in parts and downloads by URL, around the artifact proxy.

The client sends the parts of a large file to URLs that the server hands out, at the same time, and
then says which have arrived; of a download it fetches ranges of one URL at the same time.
"""

from collections.abc import Mapping

import msgspec

from dovetail.wire.mlflow.entities import Message

__all__ = [
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CreateMultipartUpload",
    "CreateMultipartUploadResponse",
    "MultipartUploadCredential",
    "MultipartUploadPart",
    "PresignedDownloadUrl",
]


class CreateMultipartUpload(Message, frozen=True, kw_only=True):
    """Begin an upload; `path` is the file on the client's side, of which the name counts."""

    path: str
    num_parts: int = 0


class MultipartUploadCredential(Message, frozen=True, kw_only=True):
    """Where one part goes by PUT, and the headers to send with it."""

    url: str
    part_number: int
    headers: Mapping[str, str] = {}


class CreateMultipartUploadResponse(Message, frozen=True, kw_only=True):
    """An upload that began."""

    upload_id: str
    credentials: tuple[MultipartUploadCredential, ...] = msgspec.field(default=())


class MultipartUploadPart(Message, frozen=True, kw_only=True):
    """A part that has arrived, by the `ETag` of the answer to its PUT."""

    part_number: int
    etag: str | None = None
    url: str | None = None


class CompleteMultipartUpload(Message, frozen=True, kw_only=True):
    """Put the parts of an upload together."""

    path: str
    upload_id: str = ""
    parts: tuple[MultipartUploadPart, ...] = ()


class AbortMultipartUpload(Message, frozen=True, kw_only=True):
    """Throw an upload away."""

    path: str
    upload_id: str = ""


class PresignedDownloadUrl(Message, frozen=True, kw_only=True):
    """Where a file can be fetched, whole or in ranges."""

    url: str
    headers: Mapping[str, str]
    file_size: int | None = None
