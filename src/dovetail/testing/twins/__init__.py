"""In-memory twins of the joints: small servers that a client cannot tell from the real ones.

A piece that is a client of others is tested against these, over real HTTP, without any other
piece. Each twin keeps its state in plain attributes that a test may read and set, speaks only what
the protocol's common calls need, and answers errors in the protocol's shape.

    >>> from dovetail.testing import twins
    >>> registry = twins.Registry()
    >>> registry.add("flights", files={"model.lgb": b"tree"})
    '1'
    >>> with twins.serve(registry) as server:
    ...     from dovetail.wire import mlflow
    ...     with mlflow.Client(server.url) as client:
    ...         client.set_alias("flights", "champion", "1")
    ...         client.get_alias("flights", "champion").version
    '1'
"""

from dovetail.testing.twins.inference import InferenceServer, Scores
from dovetail.testing.twins.registry import Registry
from dovetail.testing.twins.served import Twin, serve
from dovetail.testing.twins.watchers import Governance, Monitoring

__all__ = ["Governance", "InferenceServer", "Monitoring", "Registry", "Scores", "Twin", "serve"]
