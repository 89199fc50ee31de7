"""What a journal holds, one JSON line a record: everything that a run has said, in order.

`run` writes them, `delivery` reads them. A number that JSON does not have is written as MLflow
writes it: "NaN", "Infinity", "-Infinity".
"""

import math
from typing import Literal

import msgspec

__all__ = [
    "Begin",
    "End",
    "File",
    "Param",
    "Point",
    "Record",
    "Register",
    "Tag",
    "decode",
    "encode",
]

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


class Point(msgspec.Struct, array_like=True, tag="m", frozen=True, gc=False):
    """A point of a metric; `at` in milliseconds since 1970."""

    key: str
    value: float | str
    at: int
    step: int

    @property
    def number(self) -> float:
        """The value, with NaN and the infinities."""
        return float(self.value)


class Param(msgspec.Struct, array_like=True, tag="p", frozen=True, gc=False):
    """A parameter."""

    key: str
    value: str


class Tag(msgspec.Struct, array_like=True, tag="t", frozen=True, gc=False):
    """A tag."""

    key: str
    value: str


class Begin(msgspec.Struct, tag="begin", frozen=True, kw_only=True):
    """The run itself: where it goes, or which run is continued."""

    uri: str
    experiment: str
    name: str | None = None
    run_id: str | None = None
    started: int
    tags: dict[str, str]


class File(msgspec.Struct, tag="file", frozen=True):
    """A file to upload: where it goes below the run's artifacts, and its copy in the journal."""

    path: str
    copy: str


class Register(msgspec.Struct, tag="register", frozen=True, kw_only=True):
    """A folder of the run's artifacts to register as the next version of a model."""

    key: str
    name: str
    path: str
    alias: str | None = None
    tags: dict[str, str]


class End(msgspec.Struct, tag="end", frozen=True):
    """How and when the run ended."""

    status: Status
    at: int


Record = Point | Param | Tag | Begin | File | Register | End
_encoder = msgspec.json.Encoder()
_arrays = msgspec.json.Decoder(Point | Param | Tag)
_objects = msgspec.json.Decoder(Begin | File | Register | End)


def encode(record: Record) -> bytes:
    """Write a record as one line."""
    return _encoder.encode(record) + b"\n"


def decode(line: bytes) -> Record:
    """Read a line.

    Raises:
        msgspec.DecodeError: the line is no record.
    """
    found: Record = (_arrays if line[:1] == b"[" else _objects).decode(line)
    return found


def storable(value: float) -> float | str:
    """Return a number as JSON can hold it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
