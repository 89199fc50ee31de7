"""The least that a lookup costs: a dictionary of rows and orjson, behind the same HTTP code.

`python -m benchmarks.features.floor PORT` answers the lookup of the benchmark from rows that it
makes up itself; nothing is checked.
"""

import sys
import tempfile
from pathlib import Path

import msgspec
import orjson
from benchmarks.features.workload import ENTITIES, FEATURES, value
from starlette.responses import Response
from starlette.routing import Route

from dovetail.base.settings import ServerSettings
from dovetail.web.alone import run_alone
from dovetail.web.direct import Answer, Ask, Direct
from dovetail.web.piece import Context, Piece, Service

TIME = "2026-01-01T00:00:00Z"
ROWS = {
    f"d{entity}": [value(entity, 0, at) for at in range(len(FEATURES))]
    for entity in range(ENTITIES)
}
HEAD = ((b"content-type", b"application/json"),)


class Nothing(msgspec.Struct, frozen=True):
    """No settings."""


def answer(ask: Ask) -> Answer:
    """Answer a lookup."""
    keys = orjson.loads(ask.body)["entities"]["driver"]
    columns = list(zip(*[ROWS[key] for key in keys], strict=True))
    statuses, times = ["PRESENT"] * len(keys), [TIME] * len(keys)
    results = [
        {"values": column, "statuses": statuses, "event_timestamps": times}
        for column in (keys, *columns)
    ]
    found = {"results": results, "metadata": {"feature_names": ["driver", *FEATURES]}}
    return 200, HEAD, orjson.dumps(found)


def build(_: Context, __: Nothing) -> Service:
    """Build the server."""
    return Service(
        routes=[Route("/health", lambda _: Response(), methods=["GET"])],
        direct=[Direct("/get-online-features", answer)],
    )


def main(port: int) -> None:
    """Serve until killed."""
    piece = Piece("floor", "Floor", "the least", "none", Nothing, build)
    with tempfile.TemporaryDirectory() as state:
        run_alone(piece, Nothing(), ServerSettings(port=port, state=str(Path(state))))


if __name__ == "__main__":
    main(int(sys.argv[1]))
