"""The online store that several servers have in common: Redis or PostgreSQL.

Nothing is remembered here between two calls. A lookup reads the values of its keys in one step and
answers from them by the same code that answers from memory; taking rows in reads what they touch,
learns them and writes that back, whole or not at all, together with the ids of the events, which is
why an event counts once even if a server dies in between or two are told it at the same time.
"""

import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, TypeVar

from dovetail.base import telemetry
from dovetail.base.clock import Clock
from dovetail.features.catalog import Definitions
from dovetail.features.errors import StoreLostError
from dovetail.features.moments import moment_text, moment_us
from dovetail.features.online.batches import Batch
from dovetail.features.online.events import Event, key_in
from dovetail.features.online.intents import Intent
from dovetail.features.online.latest import LatestMemory
from dovetail.features.online.memory import Memory, memory_of
from dovetail.features.online.online import Online, check_kept, reach_us
from dovetail.features.online.packing import (
    EPOCH,
    Account,
    account,
    ledger_name,
    name_of,
    pack,
    unpack,
    view_prefix,
)
from dovetail.features.online.progress import Progress
from dovetail.features.online.rows import Found
from dovetail.features.online.states import Change, Held, States
from dovetail.features.store import Freshness, key_value
from dovetail.features.views import LatestView, View, WindowView

__all__ = ["SharedEngine"]

T = TypeVar("T")
log = telemetry.logger("features")
Learn = Callable[[AbstractSet[str], Mapping[str, Memory], Account], Mapping[str, int]]
"""Teaches memories; returns the ids that came for the first time."""


class SharedEngine(Online):
    """The online store of some definitions, in a store that servers share.

    Args:
        definitions: What is defined.
        states: Where it is kept.
        clock: What time it is.
        keep_us: How far back from the newest event questions may be asked.
    """

    def __init__(
        self, definitions: Definitions, states: States, clock: Clock, keep_us: int
    ) -> None:
        super().__init__(definitions, clock)
        self._states, self._keep_us = states, keep_us
        self._prefixes = {name: view_prefix(view) for name, view in definitions.views.items()}
        self._reach = {name: reach_us(definitions.views_of(name)) for name in definitions.sources}
        self._epoch: bytes | None = None
        self._trouble: str | None = None

    def load(self) -> None:
        """Look whether the store is there; if not, it is asked for again with each question."""
        try:
            self._begin()
        except StoreLostError as error:
            log.warning("the online store is not there yet", error=str(error))

    def _begin(self) -> None:
        """Mark an empty store as ours, so that it is noticed when it is emptied."""
        name = next(iter(self.definitions.sources), "")
        fresh = os.urandom(8)

        def merge(_: AbstractSet[str], held: Held) -> Change:
            return Change({} if held[EPOCH] else {EPOCH: fresh})

        change = self._asking(lambda: self._states.change(name, [], [EPOCH], merge))
        self._epoch = change.values.get(EPOCH) or self._read([EPOCH])[0]

    def _read(self, names: Sequence[str]) -> list[bytes | None]:
        return self._asking(lambda: self._states.read(names))

    def _asking(self, ask: Callable[[], T]) -> T:
        """Ask the store, and remember whether it answered."""
        try:
            answer = ask()
        except StoreLostError as error:
            self._trouble = str(error)
            raise
        self._trouble = None
        return answer

    @property
    def loaded(self) -> bool:
        """Always: nothing has to be brought here first."""
        return True

    def wait(self) -> None:
        """Return at once."""

    def problem(self) -> str | None:
        """Say why the store is not ready; None when it is."""
        return self._trouble

    @property
    def is_queued(self) -> bool:
        """Writing waits for the store."""
        return False

    @property
    def is_instant(self) -> bool:
        """Looking up waits for the store."""
        return False

    def look_up(
        self, asked: Sequence[tuple[str, Sequence[Any]]], as_of: int
    ) -> list[Sequence[Found]]:
        """Answer views for keys as of a moment; see `Online`."""
        views = [self.definitions.views[name] for name, _ in asked]
        sources = list(dict.fromkeys(view.source.name for view in views))
        names = [EPOCH, *(ledger_name(source) for source in sources)]
        places: list[list[tuple[Hashable, str]]] = []
        for named, keys in asked:
            prefix = self._prefixes[named]
            places.append([(key, name_of(prefix, key)) for key in keys if key is not None])
            names += [name for _, name in places[-1]]
        values = self._read(names)
        self._check_epoch(values[0])
        accounts = dict(zip(sources, map(account, values[1:]), strict=False))
        held = iter(values[1 + len(sources) :])
        answers: list[Sequence[Found]] = []
        for view, (_, keys), found in zip(views, asked, places, strict=True):
            if first := accounts[view.source.name].fresh.forgotten_us:
                check_kept(view, first + self._reach[view.source.name], as_of)
            memory = memory_of(view)
            for key, _ in found:
                if (packed := next(held)) is not None:
                    memory.restore(key, unpack(packed))
            answers.append(memory.rows(keys, as_of))
        return answers

    def _check_epoch(self, epoch: bytes | None) -> None:
        """Refuse to answer from a store that was emptied: it would say that there was nothing."""
        if epoch is not None:
            self._epoch = epoch
        elif self._epoch is None:
            self._begin()
        else:
            raise StoreLostError(
                "The online store holds nothing any more",
                why="It was emptied, or came back without what it had held",
                fix="Run dovetail features materialize; a push begins it anew too",
            )

    def take(self, source: str, events: Sequence[Event]) -> "Future[int]":
        """Take events of a source in; see `Online.push`."""
        views, at = self.definitions.views_of(source), moment_us(self.clock.now())
        has_id = bool(self.definitions.sources[source].id_columns)
        ids = [event.id_text for event in events] if has_id else []
        taken: list[Event] = []

        def learn(
            seen: AbstractSet[str], memories: Mapping[str, Memory], told: Account
        ) -> Mapping[str, int]:
            fresh: dict[str, int] = {}
            taken.clear()
            for event, one in zip(events, ids or [""] * len(events), strict=True):
                if one and (one in seen or one in fresh):
                    continue
                if one:
                    fresh[one] = event.known_us
                taken.append(event)
                for memory in memories.values():
                    memory.learn(event, told.order)
            told.fresh = told.fresh.after(taken, len(events) - len(taken), at)
            return fresh

        self._change(source, ids, _touched(views, events), learn)
        return _done(len(taken))

    def write(self, view: LatestView, events: Sequence[Event]) -> "Future[int]":
        """Take rows of one LatestView in, and of no other view of its source."""

        def learn(
            _: AbstractSet[str], memories: Mapping[str, Memory], told: Account
        ) -> Mapping[str, int]:
            for event in events:
                memories[view.name].learn(event, told.order)
            return {}

        self._change(view.source.name, [], _touched([view], events), learn)
        return _done(len(events))

    def bring(self, view: LatestView, batch: Batch, progress: Progress) -> None:
        """Take rows from a table in, and how far they bring the view; returns when durable."""
        parts = list(batch.parts())
        for at, part in enumerate(parts):

            def learn(
                _: AbstractSet[str],
                memories: Mapping[str, Memory],
                told: Account,
                part: Batch = part,
                is_last: bool = at == len(parts) - 1,
            ) -> Mapping[str, int]:
                memory = memories[view.name]
                assert isinstance(memory, LatestMemory)
                versions = [(*version[:5], told.order) for version in part.versions]
                memory.learn_batch(part.keys, versions)
                if is_last:
                    told.progress[view.name] = progress
                return {}

            self._change(view.source.name, [], {view.name: list(part.keys)}, learn)
        if not parts:
            self.keep_progress(progress)

    def _change(
        self,
        source: str,
        ids: Sequence[str],
        touched: Mapping[str, Sequence[Hashable]],
        learn: Learn,
    ) -> None:
        """Let views learn something about keys, in one step.

        Args:
            source: The source of the views.
            ids: Ids that may have come before.
            touched: Keys by view.
            learn: Does it.
        """
        ledger = ledger_name(source)
        views = {name: self.definitions.views[name] for name in touched}
        places = {
            view: [(key, name_of(self._prefixes[view], key)) for key in dict.fromkeys(keys)]
            for view, keys in touched.items()
        }
        names = [EPOCH, ledger, *(name for found in places.values() for _, name in found)]

        def merge(seen: AbstractSet[str], held: Held) -> Change:
            memories = {name: memory_of(view) for name, view in views.items()}
            for view, found in places.items():
                for key, name in found:
                    if (packed := held[name]) is not None:
                        memories[view].restore(key, unpack(packed))
            told = account(held[ledger])
            told.order += 1
            fresh_ids = learn(seen, memories, told)
            values: dict[str, bytes | None] = {} if held[EPOCH] else {EPOCH: os.urandom(8)}
            for view, found in places.items():
                memory = memories[view]
                _prune(memory, told.fresh.forgotten_us, self._reach[source])
                for key, name in found:
                    if (state := memory.state(key)) is not None:
                        values[name] = pack(state)
                        told.known[view] = told.known.get(view, 0) + (held[name] is None)
                if isinstance(memory, LatestMemory) and not told.samples.get(view):
                    told.samples[view] = memory.sample()
            values[ledger] = pack(told)
            return Change(values, fresh_ids)

        self._asking(lambda: self._states.change(source, ids, names, merge))

    def _tell(self, source: str, change: Callable[[Account], None]) -> None:
        """Change what is remembered of a source."""

        def learn(
            _: AbstractSet[str], __: Mapping[str, Memory], told: Account
        ) -> Mapping[str, int]:
            change(told)
            return {}

        self._change(source, [], {}, learn)

    def _accounts(self) -> dict[str, Account]:
        sources = list(self.definitions.sources)
        values = self._read([ledger_name(source) for source in sources]) if sources else []
        return dict(zip(sources, map(account, values), strict=True))

    def freshness(self) -> Mapping[str, Freshness]:
        """Return how far each source came."""
        return {source: told.fresh for source, told in self._accounts().items()}

    def progress(self) -> Mapping[str, Progress]:
        """Return how far materialising came, by view."""
        return {v: p for told in self._accounts().values() for v, p in told.progress.items()}

    def keep_progress(self, progress: Progress) -> None:
        """Remember how far materialising came."""

        def change(told: Account) -> None:
            told.progress[progress.view] = progress

        self._tell(self.definitions.views[progress.view].source.name, change)

    def materialized(self) -> Mapping[str, int]:
        """Return until when each view was materialised."""
        return {v: until for told in self._accounts().values() for v, until in told.until.items()}

    def keep_materialized(self, view: str, until: int) -> None:
        """Remember until when a view was materialised."""

        def change(told: Account) -> None:
            told.until[view] = until

        self._tell(self.definitions.views[view].source.name, change)

    def forget_old(self) -> None:
        """Let go of old events and of what only they needed; the first server to look does it."""
        for source, told in self._accounts().items():
            if any(
                isinstance(view, WindowView) and view.most_events
                for view in self.definitions.views_of(source)
            ):
                continue  # the last n events may be of any age, and one told again must be known
            fresh = told.fresh
            newest = min(fresh.last_known_us, moment_us(self.clock.now()))
            before = newest - self._keep_us - self._reach[source]
            if before - fresh.forgotten_us > self._keep_us // 4:
                self._forget(source, before)

    def _forget(self, source: str, before: int) -> None:
        def change(told: Account) -> None:
            told.fresh = replace(told.fresh, forgotten_us=max(before, told.fresh.forgotten_us))

        self._tell(source, change)
        self._asking(lambda: self._states.forget(source, before))
        for view in self.definitions.views_of(source):
            for names in self._states.names(self._prefixes[view.name]):
                self._sweep(view, names)
        log.info("forgot old events", source=source, before=moment_text(before))

    @property
    def is_alone(self) -> bool:
        """Others write to the store too."""
        return False

    def intend(self, intent: Intent) -> None:
        """Write a push down before it is done."""

        def change(told: Account) -> None:
            told.intents[intent.identity] = intent

        self._tell(intent.source, change)

    def settle(self, intent: Intent) -> None:
        """Strike out a push that is over."""

        def change(told: Account) -> None:
            told.intents.pop(intent.identity, None)

        self._tell(intent.source, change)

    def intents(self) -> Sequence[Intent]:
        """Return the pushes that are not over."""
        return [one for told in self._accounts().values() for one in told.intents.values()]

    def _sweep(self, view: View, names: Sequence[str]) -> None:
        """Cut what some keys hold to what may still be needed; nothing may be left of a key."""
        source, prefix = view.source.name, self._prefixes[view.name]
        ledger, keys = ledger_name(source), [key_value(name[len(prefix) :]) for name in names]

        def merge(_: AbstractSet[str], held: Held) -> Change:
            told, memory = account(held[ledger]), memory_of(view)
            there = [(n, k) for n, k in zip(names, keys, strict=True) if held[n] is not None]
            for name, key in there:
                memory.restore(key, unpack(held[name] or b""))
            _prune(memory, told.fresh.forgotten_us, self._reach[source])
            left = {name: memory.state(key) for name, key in there}
            gone = sum(state is None for state in left.values())
            told.known[view.name] = told.known.get(view.name, 0) - gone
            packed = {name: None if s is None else pack(s) for name, s in left.items()}
            changed = {name: new for name, new in packed.items() if new != held[name]}
            return Change({**changed, ledger: pack(told)} if changed else {})

        self._asking(lambda: self._states.change(source, [], [ledger, *names], merge))

    def known(self) -> Mapping[str, int]:
        """Return how many keys of each view are known."""
        return {v: count for told in self._accounts().values() for v, count in told.known.items()}

    def sample(self, view: str) -> Mapping[str, Any]:
        """Return keys and features of some row of a LatestView; nothing where it has none."""
        source = self.definitions.views[view].source.name
        return self._accounts()[source].samples.get(view, {})

    def close(self) -> None:
        """Let go of the store."""
        self._states.close()


def _touched(views: Sequence[View], events: Sequence[Event]) -> dict[str, list[Hashable]]:
    """Return the keys of each view that events are about."""
    return {
        view.name: [k for event in events if (k := key_in(view, event.row)) is not None]
        for view in views
    }


def _prune(memory: Memory, forgotten_us: int, reach: int) -> None:
    """Drop what no question that may still be asked needs."""
    if forgotten_us:
        memory.forget(forgotten_us + reach)


def _done(count: int) -> "Future[int]":
    done: Future[int] = Future()
    done.set_result(count)
    return done
