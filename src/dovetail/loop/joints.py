"""The protocol clients that the loop works with, and nothing else of anybody."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dovetail.web.piece import Endpoint
from dovetail.wire import governance as governing
from dovetail.wire import mlflow, open_inference, openlineage
from dovetail.wire import monitoring as watching
from dovetail.wire.http import HttpClient

__all__ = ["Joints"]


@dataclass(frozen=True)
class Joints:
    """One client for each joint; None where the joint is off.

    Attributes:
        registry: MLflow REST, through the governance guard where there is one.
        serving: Open Inference.
        monitoring: performance and alerts.
        governance: evidence and the record.
        lineage: where OpenLineage events go.
    """

    registry: mlflow.Client
    serving: open_inference.Client
    monitoring: watching.Client | None = None
    governance: governing.Client | None = None
    lineage: openlineage.Client | None = None

    @classmethod
    def connect(cls, connect: Callable[[str], Endpoint], is_on: Callable[[str], bool]) -> "Joints":
        """Open the clients.

        Args:
            connect: the endpoint of a joint.
            is_on: whether a joint is in use.
        """
        guarded = is_on("governance")
        governor = connect("governance") if guarded else None
        registry = governor or connect("tracking")
        return cls(
            registry=registry.open(mlflow.Client, timeout=120),
            serving=connect("serving").open(open_inference.Client, timeout=120),
            monitoring=connect("monitoring").open(watching.Client, timeout=120)
            if is_on("monitoring")
            else None,
            governance=governor.open(governing.Client) if governor else None,
            lineage=governor.open(openlineage.Client) if governor else None,
        )

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every client."""
        clients = (self.registry, self.serving, self.monitoring, self.governance, self.lineage)
        for client in clients:
            if isinstance(client, HttpClient):
                client.close()
