"""How much of a server one model may take: its threads, its queue, its batches, its time.

The settings give one `Limits` for all models; what a model's own configuration says (MLServer's
`max_batch_size`, Triton's `dynamic_batching`) is laid over it with `Limits.with_own`.
"""

import os
from typing import Any

import msgspec

__all__ = ["Limits"]

_MOST_THREADS = 4


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one model may take."""

    threads: int = 0
    """Calls of a slow model at once; 0 is one a core, at most 4."""

    queue: int = 128
    """Requests that wait for a slow model at most."""

    queue_bytes: int = 256 << 20
    """Bytes of the tensors that wait for it at most."""

    batch_rows: int | None = None
    """Rows of one call when requests are joined; 1 joins none, None joins where that pays."""

    delay_s: float = 0.0
    """Seconds that an idle model waits for more requests to join."""

    timeout_s: float = 0.0
    """Seconds for a request that names no time of its own; 0 is no limit."""

    stuck_s: float = 60.0
    """Seconds after which a model whose threads are all busy with one call each is stuck."""

    rows: int = 1 << 20
    """Rows of one request."""

    answer_bytes: int = 256 << 20
    """Bytes of the tensors of one answer."""

    @property
    def calls(self) -> int:
        """How many calls run at once."""
        return self.threads or min(os.cpu_count() or 1, _MOST_THREADS)

    def with_own(self, **own: Any) -> "Limits":
        """Return these limits with what a model says of itself; None leaves a field as it is."""
        said = {name: value for name, value in own.items() if value is not None}
        return msgspec.structs.replace(self, **said) if said else self
