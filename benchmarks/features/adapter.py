"""Dovetail for the shared feature-store script: training sets by polars or DuckDB.

`bench.py pit --impl benchmarks.features.adapter` (or `...adapter_duckdb`) with this repository on
PYTHONPATH; materialising and lookups are those of `online_adapter`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.features.online_adapter import materialize, open_online

from dovetail.features import Entity, LatestView, ParquetSource, collect, training_set

__all__ = ["materialize", "open_online", "pit"]


def pit(entities: str, tables: Sequence[Mapping[str, Any]], out: str) -> None:
    """Write a training set: entity rows with the features of tables as of `event_timestamp`."""
    joined_by("polars", entities, tables, out)


def joined_by(engine: str, entities: str, tables: Sequence[Mapping[str, Any]], out: str) -> None:
    """Write a training set by an engine."""
    import polars as pl

    views = [_view(table) for table in tables]
    result = training_set(
        pl.read_parquet(entities),
        [f"{view.name}:{feature}" for view in views for feature in view.features],
        collect(views),
        asked="event_timestamp",
        full_feature_names=True,
        engine=engine,
    )
    result.write_parquet(out)


def _view(table: Mapping[str, Any]) -> LatestView:
    source = ParquetSource(
        table["name"],
        path=table["path"],
        event_time=table["ts"],
        known_at=table["created"] or "",
    )
    return LatestView(
        table["name"],
        entities=[Entity(key) for key in table["keys"]],
        source=source,
        features=table["features"],
        ttl=f"{table['ttl_s']}s" if table["ttl_s"] else None,
    )
