"""Blobs as objects below a prefix of an S3 bucket, at Amazon or anything that speaks its protocol.

Where it is and who asks come from the environment, as boto3 reads it; `MLFLOW_S3_ENDPOINT_URL` and
`MLFLOW_S3_IGNORE_TLS` count too, since clients of MLflow set them. A large blob goes up in parts
while it arrives, so that memory stays flat, and appears when the last part is there.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dovetail.base.artifacts.names import clean_path
from dovetail.base.artifacts.s3_errors import asking
from dovetail.base.artifacts.s3_writer import S3Writer
from dovetail.base.artifacts.seam import CHUNK, ArtifactStore, Stat, Usage, Writer, absent, changed
from dovetail.base.errors import ConflictError, InvalidInputError, NotFoundError, SettingsError
from dovetail.base.extras import require

__all__ = ["S3Store"]

CONNECTIONS = 64
LONGEST_KEY = 1024
Found = Mapping[str, Any]


class S3Store(ArtifactStore):
    """Blobs in a bucket.

    Args:
        bucket: its name.
        prefix: of every key, without slashes at its ends.

    Raises:
        MissingExtraError: boto3 is not installed.
    """

    def __init__(self, bucket: str, prefix: str = "") -> None:
        if not bucket:
            raise SettingsError("an S3 store needs a bucket", fix="give s3://bucket/prefix")
        self.bucket = bucket
        self._prefix = clean_path(prefix.strip("/"))
        self.client = _client()

    @classmethod
    def at(cls, url: str) -> "S3Store":
        """Return the store that `s3://bucket/prefix` names."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        return cls(bucket, prefix)

    def check(self) -> None:
        """Ask for the bucket.

        Raises:
            UnavailableError: it cannot be used, and why.
        """
        with asking(self):
            self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.key(""), MaxKeys=1)

    def key(self, path: str) -> str:
        """Return the key of a blob.

        Raises:
            InvalidInputError: the path is not allowed.
        """
        key = "/".join(part for part in (self._prefix, clean_path(path)) if part)
        if len(key.encode()) > LONGEST_KEY:
            raise InvalidInputError(
                f"artifact path {path[:200]!r} is not allowed",
                why=f"with the prefix of the store it has over {LONGEST_KEY} bytes",
            )
        return key

    def path_of(self, url: str) -> str | None:
        """Return where in this store an `s3://` URL leads; None if it leads elsewhere."""
        scheme, _, rest = url.partition("://")
        bucket, _, key = rest.partition("/")
        outside = self._prefix and f"{key}/"[: len(self._prefix) + 1] != f"{self._prefix}/"
        if scheme != "s3" or bucket != self.bucket or outside:
            return None
        return key[len(self._prefix) :].strip("/")

    def create(self, path: str) -> Writer:
        """Begin to write a blob."""
        if not clean_path(path):
            raise InvalidInputError("an artifact needs a name")
        return S3Writer(self, clean_path(path), self.key(path))

    def open(
        self, path: str, start: int = 0, end: int | None = None, *, etag: str = ""
    ) -> Iterator[bytes]:
        """Yield a blob in chunks of at most 1 MiB."""
        if not clean_path(path):
            raise absent(path)
        if end is not None and end <= start:
            return self._nothing_of(path)
        asked = {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        if etag:
            asked["IfMatch"] = f'"{etag}"'
        try:
            with asking(self):
                found = self.client.get_object(Bucket=self.bucket, Key=self.key(path), **asked)
        except NotFoundError:
            raise absent(path) from None
        except InvalidInputError:  # it starts behind the end
            return self._nothing_of(path)
        except ConflictError:
            raise changed(path) from None
        return _Body(self, found["Body"])

    def _nothing_of(self, path: str) -> Iterator[bytes]:
        if self.stat(path).is_dir:
            raise absent(path)
        return iter(())

    def stat(self, path: str) -> Stat:
        """Describe an object, or a prefix that other objects have."""
        name = clean_path(path)
        try:
            if name:
                with asking(self):
                    found = self.client.head_object(Bucket=self.bucket, Key=self.key(name))
                return _stat(name, found, found["ContentLength"])
        except NotFoundError:
            pass
        if not name or any(True for _ in self._objects(name, MaxKeys=1)):
            return Stat(name, 0, True, 0.0)
        raise absent(path)

    def list(self, path: str = "") -> list[Stat]:
        """List the direct children of a folder."""
        folder = self._folder(clean_path(path))
        found: list[Stat] = []
        with asking(self):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=folder, Delimiter="/"
            )
            for page in pages:
                for one in page.get("CommonPrefixes", ()):
                    found.append(Stat(self._path(one["Prefix"].rstrip("/")), 0, True, 0.0))
                for one in page.get("Contents", ()):
                    if one["Key"] != folder:  # a marker that some tools make for a folder
                        found.append(_stat(self._path(one["Key"]), one, one["Size"]))
        return sorted(found, key=lambda one: (one.path, one.is_dir))

    def delete(self, path: str) -> None:
        """Remove an object and everything below it, a thousand at a time."""
        name = clean_path(path)
        batch = [{"Key": self.key(name)}] if name else []
        for one in self._objects(name):
            batch.append({"Key": one["Key"]})
            if len(batch) == 1000:
                self._remove(batch)
                batch = []
        self._remove(batch)

    def usage(self, path: str = "") -> Usage:
        """Measure an object and everything below it."""
        name = clean_path(path)
        sizes = [int(one["Size"]) for one in self._objects(name)]
        if name:
            try:
                found = self.stat(name)
            except NotFoundError:
                return Usage(0, 0)
            if not found.is_dir:
                sizes.append(found.size)
        return Usage(len(sizes), sum(sizes))

    def _remove(self, batch: Sequence[Mapping[str, str]]) -> None:
        if not batch:
            return
        with asking(self):
            answer = self.client.delete_objects(
                Bucket=self.bucket, Delete={"Objects": batch, "Quiet": True}
            )
        for one in answer.get("Errors", ()):
            raise ConflictError(
                f"{one.get('Key')!r} was not removed",
                why=str(one.get("Message") or one.get("Code")),
            )

    def _objects(self, name: str, **asked: Any) -> Iterator[Found]:
        with asking(self):
            if asked:
                page = self.client.list_objects_v2(
                    Bucket=self.bucket, Prefix=self._folder(name), **asked
                )
                yield from page.get("Contents", ())
                return
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._folder(name)
            )
            for page in pages:
                yield from page.get("Contents", ())

    def _folder(self, name: str) -> str:
        key = self.key(name)
        return f"{key}/" if key else ""

    def _path(self, key: str) -> str:
        return key[len(self._prefix) + 1 :] if self._prefix else key


class _Body(Iterator[bytes]):
    """The body of an answer; the connection goes back at the end or on `close`."""

    def __init__(self, store: S3Store, body: Any) -> None:
        self._store, self._body = store, body
        self._chunks = body.iter_chunks(CHUNK)

    def __next__(self) -> bytes:
        """Return the next chunk."""
        with asking(self._store):
            chunk = bytes(next(self._chunks, b""))
        if not chunk:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """Give the connection back."""
        self._body.close()


def _stat(path: str, found: Found, size: int) -> Stat:
    etag = str(found.get("ETag", "")).strip('"')
    return Stat(path, int(size), False, found["LastModified"].timestamp(), etag)


def _client() -> Any:
    boto3 = require("boto3", extra="s3", feature="An artifact store in S3")
    config = require("botocore.config", extra="s3", feature="An artifact store in S3").Config(
        signature_version="s3v4",
        max_pool_connections=CONNECTIONS,
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 3},
        # checksums that only Amazon understands are not sent where none is asked for
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL") or None
    unchecked = os.environ.get("MLFLOW_S3_IGNORE_TLS", "").lower() in ("true", "1")
    try:
        return boto3.session.Session().client(
            "s3", config=config, endpoint_url=endpoint, verify=False if unchecked else None
        )
    except ValueError as error:
        raise SettingsError(
            "the S3 endpoint cannot be used",
            why=str(error),
            fix="give AWS_ENDPOINT_URL_S3 as http://host:port or https://host",
        ) from error
