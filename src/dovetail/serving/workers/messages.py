"""What the supervisor and its workers say to each other: a line of JSON each."""

import msgspec

__all__ = ["Built", "Changed", "Followed", "Held", "Job", "Joined", "Loaded", "Ready", "Refresh"]
__all__ += ["FromWorker", "ToWorker", "encode", "from_worker", "to_worker"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is started with.

    Attributes:
        worker: its number; the first is 0, and leads.
        server: the table `[server]`, with the port that all share.
        settings: the table `[serving]`, with the port of gRPC that all share.
        joints: URLs of other joints.
        bearer: bearer tokens for them.
        counters: the folder where workers count together.
    """

    worker: int
    server: msgspec.Raw
    settings: msgspec.Raw
    joints: dict[str, str]
    bearer: dict[str, str]
    counters: str


class Built(msgspec.Struct, frozen=True, tag=True):
    """This worker has made what all share, and goes on to start."""


class Joined(msgspec.Struct, frozen=True, tag=True):
    """This worker answers."""


class Loaded(msgspec.Struct, frozen=True, tag=True):
    """This worker has loaded what it should."""


class Changed(msgspec.Struct, frozen=True, tag=True):
    """This worker has changed the store; `id` is 0 where it does not wait for the others."""

    id: int


class Followed(msgspec.Struct, frozen=True, tag=True):
    """This worker holds what the store said when it was asked; `problem` says why not."""

    id: int
    problem: str = ""


class Refresh(msgspec.Struct, frozen=True, tag=True):
    """Read the store again, then say `Followed`."""

    id: int


class Held(msgspec.Struct, frozen=True, tag=True):
    """All others hold what `Changed` told of; `problem` says who does not, and why."""

    id: int
    problem: str = ""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Every worker has loaded."""


FromWorker = Built | Joined | Loaded | Changed | Followed
ToWorker = Refresh | Held | Ready

from_worker = msgspec.json.Decoder(FromWorker)
to_worker = msgspec.json.Decoder(ToWorker)


def encode(message: msgspec.Struct) -> bytes:
    """Write a message as a line."""
    return msgspec.json.encode(message) + b"\n"
