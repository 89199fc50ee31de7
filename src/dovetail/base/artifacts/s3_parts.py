"""Uploads in parts that clients send straight to S3, and URLs that let them."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import quote

from dovetail.base.artifacts.parts import MOST_PARTS, Part
from dovetail.base.artifacts.s3 import S3Store
from dovetail.base.artifacts.s3_errors import asking
from dovetail.base.artifacts.seam import Stat
from dovetail.base.errors import InvalidInputError, NotFoundError

__all__ = ["S3Parts"]

ABANDONED = 7 * 24 * 3600  # seconds after which an unfinished upload is thrown away


class S3Parts:
    """Uploads in parts into a bucket.

    Args:
        store: the bucket.
    """

    def __init__(self, store: S3Store) -> None:
        self.store = store

    def begin(self, path: str, count: int) -> str:
        """Begin an upload and return its id."""
        if not 1 <= count <= MOST_PARTS:
            raise InvalidInputError(
                f"an upload cannot have {count} parts", why=f"S3 takes 1 to {MOST_PARTS}"
            )
        with asking(self.store):
            made = self.store.client.create_multipart_upload(
                Bucket=self.store.bucket, Key=self.store.key(path)
            )
        return str(made["UploadId"])

    def part_url(self, path: str, upload: str, number: int, seconds: int) -> str:
        """Return a URL that takes one part by PUT."""
        return self._signed(
            "upload_part",
            {"Key": self.store.key(path), "UploadId": upload, "PartNumber": number},
            seconds,
        )

    def download_url(self, path: str, seconds: int) -> str:
        """Return a URL that gives a blob, to be saved under its name."""
        name = quote(path.rsplit("/", 1)[-1])
        shown = f"attachment; filename*=UTF-8''{name}"
        given = {"Key": self.store.key(path), "ResponseContentDisposition": shown}
        return self._signed("get_object", given, seconds)

    def _signed(self, call: str, given: Mapping[str, object], seconds: int) -> str:
        with asking(self.store):
            return str(
                self.store.client.generate_presigned_url(
                    call, Params={"Bucket": self.store.bucket, **given}, ExpiresIn=seconds
                )
            )

    def complete(self, path: str, upload: str, parts: Sequence[Part]) -> Stat:
        """Let S3 put the parts together; it checks that they are what the client says."""
        given = [{"PartNumber": part.number, "ETag": part.etag} for part in parts]
        with asking(self.store):
            self.store.client.complete_multipart_upload(
                Bucket=self.store.bucket,
                Key=self.store.key(path),
                UploadId=upload,
                MultipartUpload={"Parts": given},
            )
        return self.store.stat(path)

    def abort(self, path: str, upload: str) -> None:
        """Throw an upload away."""
        with suppress(NotFoundError), asking(self.store):
            self.store.client.abort_multipart_upload(
                Bucket=self.store.bucket, Key=self.store.key(path), UploadId=upload
            )

    def sweep(self, older: float = ABANDONED) -> int:
        """Throw away what clients that never came back left unfinished below the prefix.

        Args:
            older: seconds since its beginning after which an upload counts as abandoned.

        Returns:
            How many were thrown away.
        """
        prefix, limit, removed = self.store.key(""), time.time() - older, 0
        with asking(self.store):
            pages = self.store.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.store.bucket, Prefix=f"{prefix}/" if prefix else ""
            )
            for page in pages:
                for one in page.get("Uploads", ()):
                    if one["Initiated"].timestamp() > limit:
                        continue
                    self.store.client.abort_multipart_upload(
                        Bucket=self.store.bucket, Key=one["Key"], UploadId=one["UploadId"]
                    )
                    removed += 1
        return removed
