"""The online store: takes in rows, keeps them, and answers for keys as of a moment.

Between `handlers` (what clients ask) and the two things that remember: `store` (durable)
and `memory` (fast). Rows are in memory only after they are durable. Taking in commutes:
the same rows in any order, or twice, leave the same answers.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from dovetail.base import telemetry
from dovetail.base.clock import Clock
from dovetail.base.errors import UnavailableError
from dovetail.features.catalog import Definitions
from dovetail.features.measures import Measure
from dovetail.features.moments import moment_text, moment_us
from dovetail.features.online.batches import Batch
from dovetail.features.online.events import Event
from dovetail.features.online.intents import Intent
from dovetail.features.online.memory import LatestMemory, Memory, WindowMemory, memory_of
from dovetail.features.online.online import Online, check_kept, reach_us
from dovetail.features.online.progress import Progress
from dovetail.features.online.rows import Found
from dovetail.features.store import Freshness, Store, Taken
from dovetail.features.views import LatestView, WindowView

log = telemetry.logger("features")
PATIENCE_S = 60.0


@dataclass(frozen=True)
class _Feed:
    """What a source feeds.

    Views often count the same things, so each distinct measure is taken of an event once;
    `counts` says which of them each window view adds up.
    """

    latest: tuple[LatestView, ...]
    columns: tuple[str, ...]
    memories: tuple[Memory, ...]
    measures: tuple[Measure, ...]
    counts: tuple[tuple[WindowMemory, tuple[int, ...]], ...]
    reach_us: int

    def measured(self, events: Sequence[Event]) -> dict[int, list[Any]]:
        """Return what each event adds, by the identity of the event.

        Raises:
            RowsError: An event cannot be counted.
        """
        return {id(event): [m.of(event.row, event.rank) for m in self.measures] for event in events}


class Engine(Online):
    """The online store in this process, with a database of its own behind it.

    Args:
        definitions: What is defined.
        store: Where it is kept.
        clock: What time it is.
        keep_us: How far back from the newest event questions may be asked.
    """

    def __init__(self, definitions: Definitions, store: Store, clock: Clock, keep_us: int) -> None:
        super().__init__(definitions, clock)
        self._store, self._keep_us = store, keep_us
        self._lock = threading.Lock()
        self._loaded = threading.Event()
        self.memories: dict[str, Memory] = {
            name: memory_of(view) for name, view in definitions.views.items()
        }
        self._feeds = {name: self._feed(name) for name in definitions.sources}
        self._fresh: dict[str, Freshness] = {}

    def _feed(self, source: str) -> _Feed:
        views = self.definitions.views_of(source)
        windows = tuple(v for v in views if isinstance(v, WindowView))
        measures = tuple(dict.fromkeys(m for v in windows for m in v.measures))
        memories = tuple(self.memories[v.name] for v in views)
        return _Feed(
            latest=tuple(v for v in views if isinstance(v, LatestView)),
            columns=tuple(dict.fromkeys(c for v in views for c in v.columns)),
            memories=memories,
            measures=measures,
            counts=tuple(
                (m, tuple(measures.index(x) for x in m.view.measures))
                for m in memories
                if isinstance(m, WindowMemory)
            ),
            reach_us=reach_us(views),
        )

    def load(self) -> None:
        """Bring into memory what is kept; nothing is answered before."""
        fresh = self._store.freshness()
        for name, feed in self._feeds.items():
            for view in feed.latest:
                memory = self.memories[view.name]
                assert isinstance(memory, LatestMemory)
                for key, event, order in self._store.latest(view.name):
                    values = tuple(event.row.get(f) for f in view.features)
                    memory.learn_values(key, event, values, order)
            self._learn_again(name, feed)
        self._fresh = fresh
        self._loaded.set()

    def _learn_again(self, source: str, feed: _Feed) -> None:
        """Take the kept events of a source in again; an old row may lack a new column."""
        of = self.definitions.sources[source]
        blank = dict.fromkeys((*feed.columns, *of.brought(feed.columns)))
        for event in self._store.events(source):
            row = of.derived({**blank, **event.row}, feed.columns)
            whole = Event(event.id, event.event_us, event.known_us, row)
            for memory in feed.memories:
                memory.learn(whole)

    @property
    def is_queued(self) -> bool:
        """Whether `push` returns at once; otherwise it is called from a thread."""
        return self._store.is_queued

    @property
    def loaded(self) -> bool:
        """Whether what is kept is in memory."""
        return self._loaded.is_set()

    def problem(self) -> str | None:
        """Say why the store is not ready; None when it is."""
        return None if self.loaded else "the online store is being loaded"

    def known(self) -> Mapping[str, int]:
        """Return how many keys of each view are known."""
        return {name: len(memory) for name, memory in self.memories.items()}

    def wait(self) -> None:
        """Wait until the store is loaded.

        Raises:
            UnavailableError: It takes too long.
        """
        if not self._loaded.wait(PATIENCE_S):
            raise UnavailableError("The online store is still being loaded", fix="Try again soon")

    def take(self, source: str, events: Sequence[Event]) -> "Future[int]":
        """Take events of a source in; see `push`."""
        feed = self._feeds[source]
        measured = feed.measured(events)
        at = moment_us(self.clock.now())
        has_id = bool(self.definitions.sources[source].id_columns)
        kept = self._store.take(source, events, () if has_id else feed.latest, at)
        return _then(kept, lambda taken: self._learn(source, taken, measured, at))

    def _learn(
        self, source: str, taken: Taken, measured: Mapping[int, Sequence[Any]], at: int
    ) -> int:
        feed, sent = self._feeds[source], len(measured)
        with self._lock:
            for window, wanted in feed.counts:
                for event in taken.new:
                    amounts = measured[id(event)]
                    window.learn_amounts(event, [amounts[i] for i in wanted])
            for memory in feed.memories:
                if isinstance(memory, LatestMemory):
                    for event in taken.new:
                        memory.learn(event, taken.order)
            held = self._fresh.get(source, Freshness())
            self._fresh[source] = held.after(taken.new, sent - len(taken.new), at)
        return len(taken.new)

    def write(self, view: LatestView, events: Sequence[Event]) -> "Future[int]":
        """Take rows of one LatestView in, and of no other view of its source."""

        def learn(taken: Taken) -> int:
            memory = self.memories[view.name]
            with self._lock:
                for event in taken.new:
                    memory.learn(event, taken.order)
            return len(taken.new)

        return _then(self._store.write_latest(view, events), learn)

    @property
    def is_instant(self) -> bool:
        """Whether `look_up` answers at once, so that an event loop may call it."""
        return self._loaded.is_set()

    def bring(self, view: LatestView, batch: Batch, progress: Progress) -> None:
        """Take rows from a table in, and how far they bring the view; returns when durable."""
        memory = self.memories[view.name]
        assert isinstance(memory, LatestMemory)
        self._store.write_batch(view, batch, progress).result()
        for part in batch.parts():
            with self._lock:
                memory.learn_batch(part.keys, part.versions)

    def progress(self) -> Mapping[str, Progress]:
        """Return how far materialising came, by view."""
        return self._store.progress()

    def keep_progress(self, progress: Progress) -> None:
        """Remember how far materialising came."""
        self._store.keep_progress(progress)

    def look_up(
        self, asked: Sequence[tuple[str, Sequence[Any]]], as_of: int
    ) -> list[Sequence[Found]]:
        """Answer views for keys as of a moment.

        Args:
            asked: Views by name, each with its keys.
            as_of: The moment, in microseconds.

        Returns:
            For each view a row a key.

        Raises:
            RowsError: The moment is further back than what is kept.
        """
        memories = self.memories
        for view, _ in asked:
            fresh = self._fresh.get(memories[view].view.source.name)
            if fresh is not None and fresh.forgotten_us:
                check_kept(memories[view].view, fresh.forgotten_us + self._reach(view), as_of)
        with self._lock:
            return [memories[view].rows(keys, as_of) for view, keys in asked]

    def _reach(self, view: str) -> int:
        return self._feeds[self.memories[view].view.source.name].reach_us

    def sample(self, view: str) -> Mapping[str, Any]:
        """Return keys and features of some row of a LatestView; nothing where it has none."""
        memory = self.memories[view]
        return memory.sample() if isinstance(memory, LatestMemory) else {}

    def forget_old(self) -> None:
        """Drop what no question within the kept span needs; called now and then."""
        for name, feed in self._feeds.items():
            if any(window.view.most_events for window, _ in feed.counts):
                continue  # the last n events of a key may be of any age
            fresh = self._fresh.get(name, Freshness())
            newest = min(fresh.last_known_us, moment_us(self.clock.now()))
            before = newest - self._keep_us - feed.reach_us
            if before - fresh.forgotten_us > self._keep_us // 4:
                self._forget(name, feed, before)

    def _forget(self, source: str, feed: _Feed, before: int) -> None:
        with self._lock:
            held = self._fresh[source]
            self._fresh[source] = Freshness(**{**vars(held), "forgotten_us": before})
            oldest = {m.view.name: m.forget(before + feed.reach_us) for m in feed.memories}
            rows = {
                view: memory.known_before(before)
                for view in feed.latest
                if view.source.id_columns
                and isinstance(memory := self.memories[view.name], LatestMemory)
            }
        self._store.forget(source, before, oldest, rows)
        log.info("forgot old events", source=source, before=moment_text(before))

    def freshness(self) -> Mapping[str, Freshness]:
        """Return how far each source came."""
        return {name: self._fresh.get(name, Freshness()) for name in self._feeds}

    def materialized(self) -> Mapping[str, int]:
        """Return until when each view was materialised."""
        return self._store.materialized()

    def keep_materialized(self, view: str, until: int) -> None:
        """Remember until when a view was materialised."""
        self._store.keep_materialized(view, until, moment_us(self.clock.now()))

    @property
    def is_alone(self) -> bool:
        """Whether no other server writes to the store."""
        return self._store.is_queued

    def intend(self, intent: Intent) -> None:
        """Write a push down before it is done."""
        self._store.intend(intent)

    def settle(self, intent: Intent) -> None:
        """Strike out a push that is over."""
        self._store.settle(intent)

    def intents(self) -> Sequence[Intent]:
        """Return the pushes that are not over."""
        return self._store.intents()

    def close(self) -> None:
        """Finish writing and close the store."""
        self._store.close()


def _then(kept: "Future[Taken]", learn: Callable[[Taken], int]) -> "Future[int]":
    """Return a future of what `learn` makes of a future; runs where the first is done."""
    done: Future[int] = Future()

    def finish(first: "Future[Taken]") -> None:
        try:
            done.set_result(learn(first.result()))
        except BaseException as error:
            done.set_exception(error)

    kept.add_done_callback(finish)
    return done
