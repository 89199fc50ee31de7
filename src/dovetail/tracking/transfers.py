"""URLs for parts of large files: of the bucket itself, or of this server where files are its own.

A URL of this server is signed: it holds for one path, one part of one upload or one download, and
for some time, so that it needs no token. The key lies beside the files, so that every server of the
same folder honours it.
"""

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

from dovetail.base import telemetry
from dovetail.base.artifacts import (
    ArtifactStore,
    LocalParts,
    LocalStore,
    Parts,
    S3Parts,
    S3Store,
)
from dovetail.base.errors import DovetailError
from dovetail.tracking.errors import ForbiddenChangeError

__all__ = ["SIGNED", "Grant", "OwnTransfers", "Transfers", "transfers_of"]

SIGNED = "/api/2.0/mlflow-artifacts/signed"
UPLOAD_SECONDS = 24 * 3600
DOWNLOAD_SECONDS = 3600
SWEEP_SECONDS = 3600.0
log = telemetry.logger("tracking")


class Transfers(Protocol):
    """What lets clients move large files in parts.

    Attributes:
        parts: takes the uploads.
        advertised: whether clients should do so without being told to.
    """

    parts: Parts
    advertised: bool

    def sweep(self) -> None:
        """Throw away uploads that were given up, unless that was done within the hour."""

    def part_url(self, base: str, path: str, upload: str, number: int) -> str:
        """Return where a part goes; `base` is this server, as the client calls it."""

    def download_url(self, base: str, path: str) -> str:
        """Return where a file can be fetched."""


def transfers_of(store: ArtifactStore, *, presigned_urls: bool = True) -> Transfers | None:
    """Return what moves files in parts into a store, or None if nothing does.

    Args:
        store: where artifacts are.
        presigned_urls: whether clients can reach a bucket by themselves.
    """
    if isinstance(store, LocalStore):
        return OwnTransfers(LocalParts(store))
    if isinstance(store, S3Store) and presigned_urls:
        return DirectTransfers(S3Parts(store))
    return None


class _Transfers:
    """What all have in common."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._swept = -SWEEP_SECONDS

    def sweep(self) -> None:
        """Throw away uploads that were given up, unless that was done within the hour."""
        if time.monotonic() - self._swept < SWEEP_SECONDS:
            return
        self._swept = time.monotonic()
        try:
            removed = self.parts.sweep()
        except DovetailError as error:  # credentials may forbid to list uploads
            log.warning("abandoned uploads were not removed", reason=str(error))
            return
        if removed:
            log.info("removed abandoned uploads", count=removed)


class DirectTransfers(_Transfers):
    """Clients speak to the bucket; only URLs pass through this server.

    Args:
        parts: the bucket.
    """

    advertised = True

    def __init__(self, parts: S3Parts) -> None:
        super().__init__(parts)
        self._urls = parts

    def part_url(self, base: str, path: str, upload: str, number: int) -> str:
        """Return a URL of the bucket that takes one part."""
        return self._urls.part_url(path, upload, number, UPLOAD_SECONDS)

    def download_url(self, base: str, path: str) -> str:
        """Return a URL of the bucket that gives a file."""
        return self._urls.download_url(path, DOWNLOAD_SECONDS)


@dataclass(frozen=True)
class Grant:
    """What a signed URL allows.

    Attributes:
        path: of the file.
        upload: the upload that a part belongs to; empty for a download.
        number: of the part; 0 for a download.
    """

    path: str
    upload: str = ""
    number: int = 0


class OwnTransfers(_Transfers):
    """Clients send parts to this server, several at a time.

    They do so only if told to: where they reach the server through a proxy that changes paths, its
    own URLs would not lead back to it.

    Args:
        parts: the folder.
        clock: seconds since the Unix epoch.
    """

    advertised = False

    def __init__(self, parts: LocalParts, clock: Callable[[], float] = time.time) -> None:
        super().__init__(parts)
        self.local, self._clock = parts, clock
        self._key = b""

    def part_url(self, base: str, path: str, upload: str, number: int) -> str:
        """Return a signed URL of this server that takes one part."""
        return self._signed(base, Grant(path, upload, number), UPLOAD_SECONDS)

    def download_url(self, base: str, path: str) -> str:
        """Return a signed URL of this server that gives a file."""
        return self._signed(base, Grant(path), DOWNLOAD_SECONDS)

    def _signed(self, base: str, grant: Grant, seconds: int) -> str:
        expires = int(self._clock()) + seconds
        query: dict[str, str | int] = {"expires": expires}
        if grant.upload:
            query |= {"upload": grant.upload, "part": grant.number}
        query["signature"] = self._signature(grant, expires)
        return f"{base.rstrip('/')}{SIGNED}/{quote(grant.path)}?{urlencode(query)}"

    def _signature(self, grant: Grant, expires: int) -> str:
        self._key = self._key or self.local.secret()
        facts = "\n".join((grant.path, grant.upload, str(grant.number), str(expires)))
        return hmac.new(self._key, facts.encode(), hashlib.sha256).hexdigest()

    def granted(self, path: str, query: Mapping[str, str]) -> Grant:
        """Return what a signed URL allows.

        Raises:
            ForbiddenChangeError: it is not one that this server made, or it has expired.
        """
        numbers = [query.get("part", "0"), query.get("expires", "")]
        if not all(text.isascii() and text.isdigit() and len(text) < 16 for text in numbers):
            raise _refused("it is not one of this server")
        grant = Grant(path, query.get("upload", ""), int(numbers[0]))
        given = query.get("signature", "").encode()
        if not hmac.compare_digest(given, self._signature(grant, int(numbers[1])).encode()):
            raise _refused("it is not one of this server")
        if int(numbers[1]) < self._clock():
            raise _refused("it has expired")
        return grant


def _refused(why: str) -> ForbiddenChangeError:
    return ForbiddenChangeError(f"The URL is refused: {why}. Ask the server for a new one.")
