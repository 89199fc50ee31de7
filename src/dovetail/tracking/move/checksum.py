"""Counts and checksums of what was moved, the same for both ends whatever order they read in.

The checksum of a kind is the sum, modulo 2^128, of the BLAKE2b hashes of its facts: two stores
agree when they hold the same facts the same number of times. What a target cannot keep (see
`Terms`) is left out at both ends.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from dovetail.tracking.move.records import ModelRecord, Point, RegisteredRecord, RunRecord, Terms
from dovetail.tracking.store.runs import RUN_NAME
from dovetail.wire.mlflow import Experiment, Tag

__all__ = [
    "REGISTRATIONS",
    "Sum",
    "Tally",
    "count_points",
    "of_experiment",
    "of_model",
    "of_registered",
    "of_run",
]

SIZE = 16
REGISTRATIONS = "mlflow.modelVersions"
"""A tag that servers write themselves when a model is registered."""
_WRAP = (1 << (8 * SIZE)) - 1
_encode = msgspec.json.Encoder().encode
_pack = struct.Struct("<qqd?").pack


class Sum(msgspec.Struct, frozen=True):
    """How many facts of a kind there are, and their checksum in hex."""

    count: int
    checksum: str


class Tally:
    """Sums by kind."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[int, int]] = {}

    def add(self, kind: str, *facts: Any) -> None:
        """Count one fact."""
        value = int.from_bytes(blake2b(_encode(facts), digest_size=SIZE).digest(), "little")
        self.put(kind, 1, value)

    def put(self, kind: str, count: int, value: int) -> None:
        """Count facts whose hashes are already summed."""
        before, total = self._kinds.get(kind, (0, 0))
        self._kinds[kind] = before + count, (total + value) & _WRAP

    def fold(self, item: str, sums: dict[str, Sum]) -> None:
        """Count what one item has: its number of facts, and its checksums tied to its name."""
        for kind, one in sums.items():
            named = blake2b(_encode((item, kind, one)), digest_size=SIZE).digest()
            self.put(kind, one.count, int.from_bytes(named, "little"))

    def sums(self) -> dict[str, Sum]:
        """Return the sums; kinds without facts are absent."""
        return {
            kind: Sum(count, f"{value:032x}")
            for kind, (count, value) in sorted(self._kinds.items())
            if count
        }


def count_points(tallies: dict[str, Tally], points: Sequence[Point]) -> None:
    """Count points of metrics, each in the tally of its run."""
    sums: dict[str, list[int]] = {}
    for run, key, step, timestamp, value, is_nan in points:
        data = _pack(step, timestamp, value + 0.0, is_nan) + key.encode()  # no -0.0 in SQLite
        hashed = int.from_bytes(blake2b(data, digest_size=SIZE).digest(), "little")
        found = sums.get(run)
        if found is None:
            sums[run] = [1, hashed]
        else:
            found[0] += 1
            found[1] += hashed
    for run, (count, value) in sums.items():
        tallies[run].put("metrics", count, value)


def _pairs(tags: Iterable[Tag]) -> list[tuple[str, str]]:
    return sorted((tag.key, tag.value) for tag in tags)


def of_experiment(experiment: Experiment, name: str, terms: Terms) -> Tally:
    """Return the tally of an experiment itself.

    Args:
        experiment: which.
        name: its name at the other end, which differs where the name was taken.
        terms: what the target keeps.
    """
    tally = Tally()
    times = (experiment.creation_time, experiment.last_update_time) if terms.times else ()
    tally.add("experiments", name, experiment.lifecycle_stage, times)
    for key, value in _pairs(experiment.tags):
        tally.add("experiment tags", key, value)
    return tally


def of_run(record: RunRecord, terms: Terms) -> Tally:
    """Return the tally of a run without its metrics."""
    tally, run, info = Tally(), record.run, record.run.info
    tally.add(
        "runs",
        *(info.run_name or "", info.user_id or "", info.status, info.start_time or 0),
        *(info.end_time or 0, info.lifecycle_stage),
    )
    for param in run.data.params:
        tally.add("params", param.key, param.value)
    for tag in run.data.tags:
        if terms.ids or tag.key != RUN_NAME:  # servers repeat the name in that tag
            tally.add("tags", tag.key, tag.value)
    for read in run.inputs.dataset_inputs if run.inputs else ():
        d = read.dataset
        known = (d.name, d.digest, d.source_type or "", d.source or "", d.schema, d.profile)
        tally.add("dataset inputs", *known, _pairs(read.tags))
    for model in run.inputs.model_inputs if run.inputs else ():
        tally.add("model links", "input", model.model_id)
    for made in run.outputs.model_outputs if run.outputs else ():
        tally.add("model links", "output", made.model_id, made.step)
    return tally


def of_model(record: ModelRecord, terms: Terms) -> Tally:
    """Return the tally of a logged model."""
    tally, info, data = Tally(), record.model.info, record.model.data
    times = (info.creation_timestamp_ms, info.last_updated_timestamp_ms) if terms.times else ()
    tally.add(
        "logged models",
        *(info.name, info.status, info.model_type or "", info.source_run_id or ""),
        *(record.is_deleted, times),
    )
    for param in data.params:
        tally.add("logged model params", param.key, param.value)
    for tag in info.tags:
        if terms.ids or tag.key != REGISTRATIONS:
            tally.add("logged model tags", tag.key, tag.value)
    for m in data.metrics:
        place = (m.run_id or "", m.dataset_name or "", m.dataset_digest or "")
        tally.add("logged model metrics", m.key, m.step, m.timestamp, repr(m.value + 0.0), *place)
    return tally


def of_registered(record: RegisteredRecord, terms: Terms) -> Tally:
    """Return the tally of a registered model with its versions; deleted ones are not counted."""
    tally, model = Tally(), record.model
    times = (model.creation_timestamp, model.last_updated_timestamp) if terms.times else ()
    tally.add("registered models", model.name, model.description or "", times)
    for tag in model.tags:
        tally.add("registered model tags", tag.key, tag.value)
    for alias in model.aliases:
        tally.add("aliases", alias.alias, int(alias.version))
    for facts in _of_versions(record, terms):
        tally.add(*facts)
    return tally


def _of_versions(record: RegisteredRecord, terms: Terms) -> Iterator[tuple[Any, ...]]:
    for one in record.versions:
        v = one.version
        if one.is_deleted:
            continue
        kept: tuple[Any, ...] = ()
        if terms.times:
            kept = (v.creation_timestamp, v.last_updated_timestamp, v.user_id or "", v.status)
        yield (
            *("versions", int(v.version), v.description or "", v.current_stage, v.source or ""),
            *(v.run_id or "", v.run_link or "", one.location, *kept),
        )
        for tag in v.tags:
            yield "version tags", int(v.version), tag.key, tag.value
