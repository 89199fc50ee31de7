"""`dovetail serving run --workers N`: the ports, the supervisor, and one line when all answer."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import ExitStack

import msgspec

from dovetail.base import telemetry
from dovetail.base.settings import ServerSettings
from dovetail.serving.grpc.ports import OFF, address_for
from dovetail.serving.settings import ServingSettings
from dovetail.serving.workers.messages import Job
from dovetail.serving.workers.supervisor import Supervisor
from dovetail.web.serve import bind, said, url_of
from dovetail.web.tls import Tls

__all__ = ["run_workers"]


def run_workers(
    settings: ServingSettings,
    server: ServerSettings,
    joints: Mapping[str, str],
    bearer: Mapping[str, str],
) -> int:
    """Serve from several processes until told to stop.

    Args:
        settings: the table `[serving]`.
        server: the table `[server]`.
        joints: URLs of other joints.
        bearer: bearer tokens for them.

    Returns:
        The exit code.

    Raises:
        UnavailableError: a port is taken.
        SettingsError: the certificate cannot be read.
    """
    telemetry.configure_logs(server.log_level)
    secure = Tls.of(server) is not None
    with ExitStack() as held:
        # Tried alone first: with the others' consent a port can be shared with anybody.
        with bind(server.host, server.port) as tried:
            port = tried.getsockname()[1]
        rest = held.enter_context(bind(server.host, port, shared=True))
        addresses = {}
        grpc_port = OFF
        address = address_for(server.host, settings.grpc_port, server.port)
        if address is not None:
            grpc = held.enter_context(bind(server.host, address.port, shared=True))
            grpc_port = grpc.getsockname()[1]
            addresses["gRPC"] = str(address.on(grpc_port))
        shared = msgspec.structs.replace(server, port=port)
        own = msgspec.structs.replace(settings, grpc_port=grpc_port)

        def job(worker: int, counters: str) -> Job:
            return Job(
                worker=worker,
                server=msgspec.Raw(msgspec.json.encode(shared)),
                settings=msgspec.Raw(msgspec.json.encode(own)),
                joints=dict(joints),
                bearer=dict(bearer),
                counters=counters,
            )

        def say() -> None:
            where = said(url_of(rest, secure=secure), addresses)
            count = settings.workers
            print(f"Serving answers on {where} ({count} workers)", file=sys.stderr, flush=True)

        grace = server.drain_seconds + server.grace_seconds

        async def supervise() -> int:
            return await Supervisor(job, settings.workers, grace, say).run()

        return asyncio.run(supervise())
