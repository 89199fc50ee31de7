"""A blob on its way into S3: small ones in one request, large ones in parts while they arrive.

Up to three parts are in memory: one that fills and two on their way. S3 allows 10,000 parts of at
least 5 MiB, so parts grow with their number, up to a blob of half a terabyte.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from dovetail.base.artifacts.s3_errors import asking
from dovetail.base.artifacts.seam import Stat
from dovetail.base.errors import DovetailError, TooLargeError

if TYPE_CHECKING:
    from dovetail.base.artifacts.s3 import S3Store

__all__ = ["S3Writer", "part_size"]

AT_ONCE = 2
MOST_PARTS = 10_000
_SIZES = ((1_000, 8 << 20), (4_000, 32 << 20), (MOST_PARTS, 64 << 20))


def part_size(number: int) -> int:
    """Return how large a part is, by its number from 1.

    Raises:
        TooLargeError: S3 takes no more parts.
    """
    for last, size in _SIZES:
        if number <= last:
            return size
    raise TooLargeError("the file is too large for S3", why=f"it has over {MOST_PARTS} parts")


class S3Writer:
    """A blob that is being written.

    Args:
        store: the bucket.
        path: of the blob in the store.
        key: of the object.
    """

    def __init__(self, store: "S3Store", path: str, key: str) -> None:
        self._store, self._path = store, path
        self._object = {"Bucket": store.bucket, "Key": key}
        self._chunks: list[bytes | memoryview] = []
        self._held = self._size = 0
        self._upload = ""
        self._sender: ThreadPoolExecutor | None = None
        self._sending: deque[Future[dict[str, Any]]] = deque()
        self._sent: list[dict[str, Any]] = []

    def write(self, chunks: Sequence[bytes]) -> None:
        """Add bytes; a full part is sent while the next one fills."""
        for chunk in chunks:
            self._chunks.append(chunk)
            self._held += len(chunk)
            self._size += len(chunk)
            if self._held >= (size := part_size(self._number)):
                self._cut(size)

    @property
    def _number(self) -> int:
        return len(self._sent) + len(self._sending) + 1

    def _cut(self, size: int) -> None:
        """Send what is held but for what exceeds a part."""
        surplus = self._held - size
        while surplus >= 0:
            rest = memoryview(b"")
            if surplus:
                last = memoryview(self._chunks.pop())
                self._chunks.append(last[: len(last) - surplus])
                rest = last[len(last) - surplus :]
            self._send(b"".join(self._chunks))
            self._chunks, self._held = ([rest] if rest else []), surplus
            size = part_size(self._number)
            surplus = self._held - size

    def _send(self, body: bytes) -> None:
        if self._sender is None:
            with asking(self._store):
                made = self._store.client.create_multipart_upload(**self._object)
            self._upload = made["UploadId"]
            self._sender = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="s3")
        if len(self._sending) >= AT_ONCE:
            self._sent.append(self._sending.popleft().result())
        self._sending.append(self._sender.submit(self._send_part, self._number, body))

    def _send_part(self, number: int, body: bytes) -> dict[str, Any]:
        with asking(self._store):
            answer = self._store.client.upload_part(
                **self._object, UploadId=self._upload, PartNumber=number, Body=body
            )
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def commit(self) -> Stat:
        """Send the rest and make the blob visible."""
        rest = b"".join(self._chunks)
        if not self._upload:
            with asking(self._store):
                answer = self._store.client.put_object(**self._object, Body=rest)
            return self._stored(answer)
        if rest:
            self._send(rest)
        while self._sending:
            self._sent.append(self._sending.popleft().result())
        with asking(self._store):
            answer = self._store.client.complete_multipart_upload(
                **self._object, UploadId=self._upload, MultipartUpload={"Parts": self._sent}
            )
        self._upload = ""
        self._close()
        return self._stored(answer)

    def _stored(self, answer: Mapping[str, Any]) -> Stat:
        """Describe the blob without asking for it again: S3's clock is in the answer."""
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        when = parsedate_to_datetime(date).timestamp() if date else time.time()
        return Stat(self._path, self._size, False, when, answer["ETag"].strip('"'))

    def abort(self) -> None:
        """Throw the parts away; what S3 does not hear of, `sweep` or its own rules remove."""
        self._close()
        if self._upload:
            with suppress(DovetailError), asking(self._store):
                self._store.client.abort_multipart_upload(**self._object, UploadId=self._upload)
            self._upload = ""

    def _close(self) -> None:
        self._chunks = []
        if self._sender is not None:
            wait(self._sending)
            self._sending.clear()
            self._sender.shutdown()
            self._sender = None
