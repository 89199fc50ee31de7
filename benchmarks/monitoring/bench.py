"""Monitoring: what taking events in and closing days cost, and how often a quiet year alarms.

The incumbents are libraries without a server, so the cost is ours alone. The alarms are compared
with what their defaults do each day in one form or another: a two-sample Kolmogorov-Smirnov test at
5 %, Bonferroni-corrected over columns.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
from benchmarks.harness import BIN, Connection, Figure, Server, at_rest, measure, server
from benchmarks.monitoring import checks, ingest, quality
from scipy.stats import ks_2samp

from dovetail.monitoring import Monitor

COLUMNS = [f"c{j}" for j in range(20)]
DAY_ROWS = 1000
YEAR = 365
REPEATS = 2
FIRST = date(2013, 1, 1)
BATCH = "application/cloudevents-batch+json"
TYPE = "org.kubeflow.serving.inference."
Table = npt.NDArray[np.float64]


def pair(r: np.random.Generator, name: str, day: date, rows: int) -> list[dict[str, object]]:
    """The request and the response of one inference."""
    x = r.standard_normal((rows, len(COLUMNS))).round(4)
    p = (1 / (1 + np.exp(-x[:, 0]))).round(5)
    at = f"{day}T12:00:00Z"
    tensor = {"name": "input", "datatype": "FP32", "shape": list(x.shape), "data": x.ravel()}
    score = {"name": "p", "datatype": "FP32", "shape": [rows], "data": p}
    bodies: dict[str, dict[str, object]] = {
        "request": {"inputs": [tensor | {"data": x.ravel().tolist()}]},
        "response": {"model_version": "1", "outputs": [score | {"data": p.tolist()}]},
    }
    common = {"specversion": "1.0", "id": name, "source": "/bench", "time": at}
    return [
        common | {"type": TYPE + kind, "inferenceservicename": "m", "data": body}
        for kind, body in bodies.items()
    ]


def outcomes(r: np.random.Generator, name: str, day: date, rows: int) -> dict[str, object]:
    """What came true of one inference."""
    values = r.integers(0, 2, rows).tolist()
    data = {"model": "m", "request_ids": [name] * rows, "rows": list(range(rows)), "values": values}
    return {
        "specversion": "1.0",
        "id": f"o-{name}",
        "source": "/bench",
        "type": "dev.dovetail.outcome",
        "time": f"{day}T23:00:00Z",
        "data": data,
    }


def take_in(connection: Connection, rows: int) -> Callable[[int], object]:
    """One inference of some rows, logged as two events in one call."""
    r = np.random.default_rng(rows)

    def work(number: int) -> None:
        events = pair(r, f"{rows}-{number}", FIRST, rows)
        connection.send("POST", "/monitoring/events", json.dumps(events).encode(), BATCH)

    return work


def close(connection: Connection) -> Callable[[int], object]:
    """A whole day: its events, its outcomes, its close, and the figures of four weeks."""
    r = np.random.default_rng(0)
    days = iter(FIRST + timedelta(days=1 + i) for i in range(10_000))

    def work(_: int) -> None:
        day = next(days)
        events = [*pair(r, str(day), day, DAY_ROWS), outcomes(r, str(day), day, DAY_ROWS)]
        connection.send("POST", "/monitoring/events", json.dumps(events).encode(), BATCH)
        connection.call("POST", "/monitoring/models/m/close", {"day": str(day)})
        start = day - timedelta(days=27)
        connection.call("GET", f"/monitoring/models/m/days?start={start}&end={day}")

    return work


def drive(target: Server) -> None:
    """Print what the server costs."""
    at_rest("monitoring", "dovetail", target)
    connection = target.connect()
    r = np.random.default_rng(1)
    x = r.standard_normal((5000, len(COLUMNS)))
    p = 1 / (1 + np.exp(-x[:, 0]))
    reference = {
        "version": "1",
        "features": {f"f{j}": x[:, j].tolist() for j in range(len(COLUMNS))},
        "scores": p.tolist(),
        "labels": (r.random(5000) < p).astype(float).tolist(),
    }
    connection.call("PUT", "/monitoring/models/m/reference", reference)
    day = f"a day of {DAY_ROWS:,} rows: take in, close, figures of 4 weeks"
    for name, work, times in (
        ("take in 1 row", take_in(connection, 1), 100),
        ("take in 50 rows", take_in(connection, 50), 100),
        ("take in 1,000 rows", take_in(connection, 1000), 20),
        (day, close(connection), 30),
    ):
        measure("monitoring", name, "dovetail", target, work, times)


def ours(reference: Table, days: list[Table]) -> list[bool]:
    """Whether our evidence alarms on each day."""
    monitor = Monitor(dict(zip(COLUMNS, reference.T, strict=True)))
    return [monitor.update(dict(zip(COLUMNS, x.T, strict=True))).alarm for x in days]


def daily_test(reference: Table, days: list[Table]) -> list[bool]:
    """Whether the smallest of 20 p-values is below 5 % / 20 on each day."""
    kept = [np.sort(column) for column in reference.T]
    return [
        min(ks_2samp(a, b, method="asymp").pvalue for a, b in zip(kept, x.T, strict=True))
        < 0.05 / len(COLUMNS)
        for x in days
    ]


def alarms() -> None:
    """Print false alarms of a quiet year, and the days until a small change is found."""
    subjects = {"dovetail": ours, "KS each day, Bonferroni": daily_test}
    for subject, detector in subjects.items():
        print(f"monitoring: alarms of {subject}", file=sys.stderr)
        false, delays = 0, []
        for repeat in range(REPEATS):
            r = np.random.default_rng(repeat)
            reference = r.standard_normal((10_000, len(COLUMNS)))
            quiet = [r.standard_normal((DAY_ROWS, len(COLUMNS))) for _ in range(YEAR)]
            false += sum(detector(reference, quiet))
            changed = [r.standard_normal((DAY_ROWS, len(COLUMNS))) for _ in range(30)]
            for x in changed:
                x[:, 0] += 0.1
            found = detector(reference, quiet[:30] + changed)[30:]
            delays.append(found.index(True) + 1 if True in found else len(found) + 1)
        unit = "days, mean"
        name = "days with a false alarm in a quiet year"
        Figure("monitoring", name, subject, false / REPEATS, unit).emit()
        name = "until one of 20 means has moved 0.1 sd"
        Figure("monitoring", name, subject, float(np.mean(delays)), unit).emit()


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(BIN / "dovetail"), "monitoring", "run", "--port", "{port}"]
        with server([*command, "--state", "state"], "/healthz", Path(folder)) as target:
            drive(target)
    ingest.run()
    alarms()
    quality.run()
    checks.side_by_side(100_000, 20, 9)
    checks.large()


if __name__ == "__main__":
    main()
