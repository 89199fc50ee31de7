"""What the comparison script calls to bring a table online and to read from it in this process."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dovetail.base.clock import SystemClock
from dovetail.features import Definitions, Entity, LatestView, ParquetSource, collect
from dovetail.features.handlers import Handlers
from dovetail.features.materialize import Materializer
from dovetail.features.moments import moment_us, span_us
from dovetail.features.online.engine import Engine
from dovetail.features.store import Store
from dovetail.wire.feast import GetOnlineFeatures

FEATURES = [f"f{number}" for number in range(10)]
END = datetime(2024, 12, 1, tzinfo=UTC)


def defined(table: str) -> Definitions:
    """One view of ten numbers over a Parquet file."""
    source = ParquetSource("rows", path=table)
    return collect([LatestView("o", entities=[Entity("k")], source=source, features=FEATURES)])


def opened(definitions: Definitions, state: str) -> Engine:
    """The embedded online store in a folder."""
    url = f"sqlite:///{Path(state) / 'online.db'}"
    engine = Engine(definitions, Store(url), SystemClock(), span_us("7d"))
    engine.load()
    return engine


def materialize(table: str, state: str) -> None:
    """Bring a table online."""
    definitions = defined(table)
    engine = opened(definitions, state)
    Materializer(definitions, engine).run(None, 0, moment_us(END))
    engine.close()


def handlers(state: str) -> Handlers:
    """Return what answers from a folder that was brought online."""
    definitions = defined("unread.parquet")
    return Handlers(definitions, opened(definitions, state))


def open_online(state: str) -> Callable[[list[str], list[str]], Mapping[str, Any]]:
    """Return a function from keys and features to columns."""
    answering = handlers(state)

    def look_up(keys: list[str], features: list[str]) -> Mapping[str, Any]:
        asked = tuple([f"o:{name}" for name in features])
        question = GetOnlineFeatures(entities={"k": keys}, features=asked)
        return answering.get_online_features(question).columns()

    return look_up
