"""Where gRPC listens.

gRPC binds its port itself and by default shares it with whoever asks, so that two servers would
each get half of the calls without a word. Here a port is tried first and taken alone, unless
worker processes of one server share it.
"""

from dataclasses import dataclass, replace

from dovetail.base import telemetry
from dovetail.base.errors import UnavailableError
from dovetail.web.serve import bind

__all__ = ["OFF", "Address", "address_for"]

log = telemetry.logger("serving")
OFF = -1


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Args:
        host: the address.
        port: the port; 0 for a free one.
        shared: whether other processes of this server listen there too.
    """

    host: str
    port: int
    shared: bool = False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def on(self, port: int) -> "Address":
        """Return the same on another port."""
        return replace(self, port=port)


def address_for(host: str, wanted: int | None, rest: int) -> Address | None:
    """Return where gRPC should listen; None for nowhere.

    Args:
        host: the address of the server.
        wanted: the setting `grpc_port`; None for the port after that of REST, or a free one where
            that is taken.
        rest: the port of REST; 0 if it takes a free one.

    Raises:
        UnavailableError: the port that the settings name is taken.
    """
    if wanted == OFF:
        return None
    if wanted is None:
        return Address(host, _beside(host, rest))
    if wanted:
        _try(host, wanted, "choose another port with --grpc-port, or -1 for no gRPC")
    return Address(host, wanted)


def _beside(host: str, rest: int) -> int:
    port = rest + 1
    if rest == 0 or port > 65535:
        return 0
    try:
        _try(host, port, "")
    except UnavailableError:
        log.warning("port of gRPC is taken, a free one is used", port=port, fix="set --grpc-port")
        return 0
    return port


def _try(host: str, port: int, fix: str) -> None:
    try:
        bind(host, port).close()
    except UnavailableError as error:
        raise UnavailableError(f"gRPC: {error.what}", why=error.why, fix=fix) from error
