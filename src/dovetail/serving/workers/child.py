"""What a worker process runs: the piece as it would run alone, on ports that it shares."""

import socket
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from dovetail.base import telemetry
from dovetail.base.errors import DovetailError
from dovetail.base.settings import ServerSettings
from dovetail.serving.counters import BOARD
from dovetail.serving.settings import ServingSettings
from dovetail.serving.workers.member import Member
from dovetail.serving.workers.messages import Job

__all__ = ["main"]


def main(handle: int) -> int:
    """Serve until the supervisor says or is gone.

    Args:
        handle: of the connection to the supervisor; the job comes on standard input.

    Returns:
        The exit code: 0 when it was told to stop, 1 when it could not serve.
    """
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    server = msgspec.json.decode(job.server, type=ServerSettings)
    telemetry.configure_logs(server.log_level, worker=job.worker)
    member = Member(job.worker, socket.socket(fileno=handle))
    BOARD.share(Path(job.counters), job.worker)
    try:
        _serve(job, server, member)
    except DovetailError as error:
        print(f"dovetail: {error}", file=sys.stderr)
        return 1
    return 0


def _serve(job: Job, server: ServerSettings, member: Member) -> None:
    from dovetail.serving.piece import build, piece
    from dovetail.web.alone import Surroundings, build_alone
    from dovetail.web.serve import bind, serve
    from dovetail.web.tls import Tls

    settings = msgspec.json.decode(job.settings, type=ServingSettings)
    around = Surroundings(server, {piece.name: "embedded", **job.joints}, tokens=job.bearer)
    app = build_alone(replace(piece, build=partial(build, fleet=member)), settings, around)
    member.start()
    serve(
        app,
        bind(server.host, server.port, shared=True),
        member.answers,
        drain_seconds=server.drain_seconds,
        grace_seconds=server.grace_seconds,
        tls=Tls.of(server),
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
