"""Outliers in the service: a detector for each reference, and the rows of a day that it flags.

The detector is fitted when a reference is put and keeps no row. Days are scored when somebody asks
or a day is closed, from what the store keeps anyway, so taking events in costs nothing more. Its
table has a ledger entry of its own and can be dropped without loss but that of the detectors.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa
from prometheus_client import Gauge
from sqlalchemy.engine import Connection

from dovetail.base.errors import DovetailError
from dovetail.base.migrations import prepare
from dovetail.base.sql import Database, insert
from dovetail.monitoring import tables as t
from dovetail.monitoring.drift import align, join
from dovetail.monitoring.outliers.detector import Outliers
from dovetail.monitoring.reference import Reference
from dovetail.monitoring.tensors import Features, Schema
from dovetail.wire.monitoring import Outlier, OutlierDay

FLAGGED = Gauge(
    "dovetail_monitoring_outliers",
    "Rows of the last closed day that are unlike the reference, each by itself.",
    ["model", "version"],
)
SHOWN = 1000
_WIDTH = 1000
_KEPT = 64

_metadata = sa.MetaData()
_detectors = sa.Table(
    "outlier_detectors",
    _metadata,
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),  # of the reference it was fitted on
    sa.Column("body", sa.LargeBinary),  # None where there can be no detector
    sa.Column("why", sa.Text, nullable=False),  # why not
)


class OutlierBook:
    """Detectors of model versions in a database.

    Args:
        database: Which also holds the predictions.
        alarm_rate: Share of unchanged rows that may be flagged, for detectors fitted from now on.
    """

    def __init__(self, database: Database, alarm_rate: float) -> None:
        self._database, self._rate = database, alarm_rate
        self._kept: OrderedDict[tuple[str, str, str], Outliers] = OrderedDict()
        self._lock = threading.Lock()
        database.write(lambda x: prepare(x, _metadata, "monitoring-outliers", ()))

    def put(self, model: str, reference: Reference, features: Mapping[str, Any]) -> None:
        """Fit a detector to what a version was validated on, unless there is one already."""
        if not self._is_fitted(model, reference):
            self._write(model, reference, *self._fit(features))

    def lack(self, model: str, reference: Reference, why: str) -> None:
        """Note that a version has no detector, and why not; one of the same reference stays."""
        if not self._is_fitted(model, reference):
            self._write(model, reference, None, why)

    def _is_fitted(self, model: str, reference: Reference) -> bool:
        c = _detectors.c
        here = (c.model == model) & (c.version == reference.version) & (c.why == "")
        known = sa.select(c.digest).where(here)
        return self._database.read(lambda x: x.scalar(known)) == reference.digest

    def _write(self, model: str, reference: Reference, body: bytes | None, why: str) -> None:
        c = _detectors.c
        row = {
            "model": model,
            "version": reference.version,
            "digest": reference.digest,
            "body": body,
            "why": why,
        }

        def work(connection: Connection) -> None:
            statement = insert(_detectors, self._database.dialect).values(row)
            connection.execute(
                statement.on_conflict_do_update(index_elements=[c.model, c.version], set_=row)
            )

        self._database.write(work)

    def versions(self, model: str) -> list[str]:
        """The versions of a model that a reference was put for."""
        query = sa.select(_detectors.c.version).where(_detectors.c.model == model)
        query = query.order_by(_detectors.c.version)
        return self._database.read(lambda x: list(x.execute(query).scalars()))

    def find(self, model: str, version: str, day: str) -> OutlierDay:
        """The outliers of a version's live requests of one day."""
        detector, why = self._detector(model, version)
        if detector is None:
            return OutlierDay(day=day, version=version, why=why)
        ids, sizes, requests = self._requests(model, version, day)
        empty = OutlierDay(day=day, version=version, alarm_rate=detector.alarm_rate)
        if not requests:
            return empty
        columns = align(detector.columns, join(requests))
        scored = detector.update(columns)
        flagged = np.flatnonzero(scored.flags)
        strangest = flagged[np.argsort(-scored.scores[flagged], kind="stable")][:SHOWN]
        ends = np.cumsum(sizes)
        of = np.searchsorted(ends, strangest, side="right").tolist()
        found = [
            Outlier(
                request_id=ids[at],
                row=int(row - ends[at] + sizes[at]),
                p=float(scored.p[row]),
                columns=scored.why[int(row)],
            )
            for at, row in zip(of, strangest.tolist(), strict=True)
        ]
        return msgspec.structs.replace(
            empty, rows=int(ends[-1]), flagged=len(flagged), outliers=found
        )

    def show(self, model: str, day: str) -> None:
        """Set the gauges of a model to what a day holds."""
        for version in self.versions(model):
            found = self.find(model, version, day)
            if found.rows:
                FLAGGED.labels(model, version).set(found.flagged)

    def _fit(self, features: Mapping[str, Any]) -> tuple[bytes | None, str]:
        if not features:
            return None, "the reference has no features"
        try:
            detector = Outliers(features, alarm_rate=self._rate)
        except DovetailError as error:  # the reference serves drift all the same
            return None, str(error)
        if detector.width > _WIDTH:
            return None, f"{detector.width} columns, levels counted, are over {_WIDTH}"
        return detector.pack(), ""

    def _detector(self, model: str, version: str) -> tuple[Outliers | None, str]:
        c = _detectors.c
        here = (c.model == model) & (c.version == version)
        query = sa.select(c.digest, c.why).where(here)
        row = self._database.read(lambda x: x.execute(query).first())
        if row is None:
            return None, "no reference was put for this version; put it, or put it again"
        digest, why = row
        if why:
            return None, why
        key = (model, version, digest)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key], ""
        bodies = sa.select(c.body).where(here)
        body: bytes = self._database.read(lambda x: x.execute(bodies).scalar_one())
        detector = Outliers.unpack(body)
        with self._lock:
            self._kept[key] = detector
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return detector, ""

    def _requests(
        self, model: str, version: str, day: str
    ) -> tuple[list[str], list[int], list[dict[str, Any]]]:
        """The ids, rows and columns of a day's requests, in the order in which they came."""
        c = t.inferences.c
        query = (
            sa.select(c.request_id, c.asked_rows, c.features, t.schemas.c.body)
            .join(t.schemas, t.schemas.c.digest == c.schema)
            .where(c.model == model, c.day == day, c.role == "live", c.version == version)
            .order_by(c.time_ms, c.request_id)
        )
        rows = self._database.read(lambda x: x.execute(query).all())
        rows = [row for row in rows if row.asked_rows]
        schemas = {row.body: msgspec.json.decode(row.body, type=Schema) for row in rows}
        columns = [Features(schemas[r.body], r.asked_rows, r.features).columns() for r in rows]
        return [r.request_id for r in rows], [r.asked_rows for r in rows], columns
