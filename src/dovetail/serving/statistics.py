"""What a loaded version has done: Triton's statistics and MLServer's metrics, counted once.

Metric names are MLServer's, so that dashboards made for it go on working.
"""

import threading
import time

from prometheus_client import Counter, Histogram

from dovetail.wire.open_inference import Duration, InferenceStatistics, ModelStatistics

__all__ = ["Statistics"]

_LABELS = ["model", "version"]
_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
_success = Counter("model_infer_request_success", "Inference requests answered.", _LABELS)
_failure = Counter("model_infer_request_failure", "Inference requests that failed.", _LABELS)
_duration = Histogram(
    "model_infer_request_duration",
    "Seconds from the parsed request to the answer's tensors.",
    _LABELS,
    buckets=_BUCKETS,
)


class Statistics:
    """Counts of one version of one model.

    Args:
        model: the model's name.
        version: the version.
    """

    def __init__(self, model: str, version: str) -> None:
        self.model, self.version = model, version
        self.succeeded = self.failed = self.rows = self.success_ns = self.failure_ns = 0
        self.last_ms = 0
        self._lock = threading.Lock()
        self._success = _success.labels(model, version)
        self._failure = _failure.labels(model, version)
        self._duration = _duration.labels(model, version)

    def count_success(self, rows: int, ns: int) -> None:
        """Count an answered request."""
        with self._lock:
            self.succeeded += 1
            self.rows += rows
            self.success_ns += ns
        self.last_ms = time.time_ns() // 1_000_000
        self._success.inc()
        self._duration.observe(ns * 1e-9)

    def count_failure(self, ns: int) -> None:
        """Count a request that failed."""
        with self._lock:
            self.failed += 1
            self.failure_ns += ns
        self._failure.inc()

    @property
    def mean_ms(self) -> float | None:
        """Mean milliseconds of an answered request; None before the first."""
        return self.success_ns / self.succeeded / 1e6 if self.succeeded else None

    def describe(self) -> ModelStatistics:
        """Return Triton's message."""
        with self._lock:
            success = Duration(count=self.succeeded, ns=self.success_ns)
            return ModelStatistics(
                name=self.model,
                version=self.version,
                last_inference=self.last_ms,
                inference_count=self.rows,
                execution_count=self.succeeded,
                inference_stats=InferenceStatistics(
                    success=success,
                    fail=Duration(count=self.failed, ns=self.failure_ns),
                    compute_infer=success,
                ),
            )
