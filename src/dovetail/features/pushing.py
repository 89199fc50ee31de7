"""Pushed rows on their way online, into the table behind their source, or both.

A table and an online store have no transaction in common. A push to both is therefore written down
first; the table takes its rows in a commit that bears the push's name, the online store after it.
Whatever dies in between, the name tells afterwards whether the table has the rows: then they go
online as well, and otherwise nothing was pushed.
"""

import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import orjson

from dovetail.base import telemetry
from dovetail.features.catalog import Definitions
from dovetail.features.errors import RowsError
from dovetail.features.moments import moment_us
from dovetail.features.offline import append, has_appended
from dovetail.features.online.events import Event, events_of
from dovetail.features.online.intents import Intent
from dovetail.features.online.online import Online
from dovetail.wire.feast import Columns, PushTo

__all__ = ["Pusher"]

log = telemetry.logger("features")
PATIENCE_US = 60_000_000  # for a push that another server may have in hand


class Pusher:
    """Takes in what clients push.

    Args:
        definitions: What is defined.
        engine: The online store.
    """

    def __init__(self, definitions: Definitions, engine: Online) -> None:
        self._definitions, self.engine = definitions, engine
        self._in_hand: set[str] = set()

    def push(self, name: str, columns: Columns, to: PushTo) -> "Future[int]":
        """Take rows of a source in.

        Args:
            name: Name of the source.
            columns: Values by column.
            to: Where they go.

        Returns:
            A future of how many rows are new online, done once they are where they shall be.

        Raises:
            SourceNotFoundError: The source is unknown.
            RowsError: The rows do not fit, here or in the table; nothing is taken in.
        """
        source = self._definitions.source(name)
        if to == "online":
            return self.engine.push(name, columns)
        events = events_of(source, columns, self.engine.columns_of(name))
        if to == "offline":
            append(source, events, self._definitions.root)
            return _done(0)
        self.engine.check(name, events)
        return self._both(name, events, columns)

    def _both(self, name: str, events: Sequence[Event], columns: Columns) -> "Future[int]":
        source, identity = self._definitions.sources[name], uuid.uuid4().hex
        self._in_hand.add(identity)
        intent = Intent(identity, name, self._now(), orjson.dumps(columns).decode())
        try:
            self.engine.intend(intent)
            try:
                append(source, events, self._definitions.root, name=identity)
            except Exception:
                if not has_appended(source, self._definitions.root, identity):
                    self.engine.settle(intent)
                    raise
            done = self.engine.take(name, events)
            done.result()
            self.engine.settle(intent)
            return done
        finally:
            self._in_hand.discard(identity)

    def recover(self) -> None:
        """Bring to an end what was cut short: online too if the table has it, or not at all."""
        for intent in self.engine.intents():
            is_fresh = self._now() - intent.at_us < PATIENCE_US
            if intent.identity in self._in_hand or (is_fresh and not self.engine.is_alone):
                continue
            self._finish(intent)

    def _finish(self, intent: Intent) -> None:
        source = self._definitions.sources.get(intent.source)
        if source is not None and has_appended(source, self._definitions.root, intent.identity):
            columns: dict[str, list[Any]] = orjson.loads(intent.columns)
            try:
                self.engine.push(intent.source, columns).result()
                log.info("a push that was cut short is online now", source=intent.source)
            except RowsError as error:  # the definitions are others by now
                log.error("a push that was cut short does not fit any more", error=str(error))
        self.engine.settle(intent)

    def _now(self) -> int:
        return moment_us(self.engine.clock.now())


def _done(count: int) -> "Future[int]":
    done: Future[int] = Future()
    done.set_result(count)
    return done
