"""A project's routing, kept current answer by answer.

One answer costs what its own item has of answers, never the data set: the posterior of the item is
told anew, and what it had said of its sources is replaced (Neal and Hinton 1998). How far sums of
answers can be trusted is learned anew by `refit`, now and then, in a thread that has time.
"""

import threading
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from dovetail.labels.combining import wilson
from dovetail.labels.models import confusions
from dovetail.labels.routing.belief import Belief, Known, believe, effective
from dovetail.labels.routing.growing import Growing
from dovetail.labels.routing.offers import PEOPLE, Offer, SourceQuality, State
from dovetail.labels.routing.policy import Target, enough, floor_of
from dovetail.labels.routing.promise import Standing, standing
from dovetail.labels.routing.value import bar, gain, gain_of_each
from dovetail.labels.votes import Floats, Votes, softmax

__all__ = ["Router"]

_GROWN = 0.2  # share of new answers after which the model of sources is learned anew
_LEAST = 20


class Router:
    """Says who is asked about what, and when it is enough.

    For any number of threads.

    Args:
        classes: All labels, in an order that stays.
        target: What the user wants.

    Example:
        >>> router = Router(["good", "bad"], Target(quality=0.9))
        >>> for item in range(60):
        ...     for name in ("ann", "bob", "eve"):
        ...         state = router.add(item, name, "good" if item % 2 else "bad")
        >>> router.refit()
        >>> router.state(1).done, router.add(60, "ann", "good").done
        (True, False)
    """

    def __init__(self, classes: Sequence[str], target: Target) -> None:
        self.classes = list(classes)
        self.target = target
        self._code = {name: code for code, name in enumerate(self.classes)}
        self._items: dict[Any, int] = {}
        self._names: list[Any] = []
        self._sources: dict[str, int] = {}
        self._answers: list[dict[int, int]] = []
        self._fresh: set[tuple[int, int]] = set()
        self._passed: dict[str, set[int]] = {}
        self._gold: dict[int, int] = {}
        size = len(self.classes)
        self._table = Growing(size)
        self._counts: list[Floats] = []
        self._pool = np.zeros((size, size))
        self._tables: list[Floats] = []
        self._trust: list[float] = []
        self._fitted_at, self._total = 0, 0
        self._lock = threading.RLock()
        self._adopt(believe(self._votes()))

    def add(self, item: Any, source: str, label: str | None, *, fresh: bool = False) -> State:
        """Take one answer and return where its item stands.

        Args:
            item: What it is about; any hashable value.
            source: Who gave it.
            label: The answer; None for an item that nobody answered yet.
            fresh: Whether the item was done already and this only checks it.

        Raises:
            KeyError: the label is not among the classes.
        """
        with self._lock:
            place = self._place(item)
            if label is None:
                return self._at(place)
            who = self._source(source)
            answers = self._answers[place]
            code = self._code[label]
            self._tell(place, -1.0)
            self._total += who not in answers
            answers[who] = code
            if fresh:
                self._fresh.add((place, who))
            self._settle(place)
            self._tell(place, 1.0)
            self._learn(who)
            self._table.held[place] = False
            return self._at(place)

    def expect(self, items: Iterable[Any]) -> None:
        """Take items that nobody has answered yet; those that are known already stay."""
        with self._lock:
            new = [item for item in dict.fromkeys(items) if item not in self._items]
            self._items.update(
                zip(new, range(len(self._names), len(self._names) + len(new)), strict=True)
            )
            self._names += new
            self._answers += [{} for _ in new]
            self._table.extend(len(new), self._prior, self._first_gain)

    def load(self, answers: Iterable[tuple[Any, str, str, bool]]) -> None:
        """Take many answers at once, as (item, source, label, whether fresh), and `refit`.

        Raises:
            KeyError: a label is not among the classes.
        """
        with self._lock:
            for item, source, label, fresh in answers:
                place, who = self._place(item), self._source(source)
                self._total += who not in self._answers[place]
                self._answers[place][who] = self._code[label]
                if fresh:
                    self._fresh.add((place, who))
            self.refit()

    def abstain(self, item: Any, source: str) -> None:
        """Have a source never asked about an item again: it has said what it has to say."""
        with self._lock:
            place = self._place(item)
            self._passed.setdefault(source, set()).add(place)
            self._table.held[place] = False

    def drop(self, item: Any, source: str) -> None:
        """Take an answer back; nothing happens where there is none."""
        with self._lock:
            place, who = self._items.get(item), self._sources.get(source)
            if place is None or who is None or who not in self._answers[place]:
                return
            self._tell(place, -1.0)
            del self._answers[place][who]
            self._fresh.discard((place, who))
            self._total -= 1
            self._settle(place)
            self._tell(place, 1.0)

    def know(self, item: Any, label: str | None) -> None:
        """Set an item's true label, or forget it where it is None."""
        with self._lock:
            place = self._place(item)
            if label is None:
                self._gold.pop(place, None)
            else:
                self._gold[place] = self._code[label]

    def state(self, item: Any) -> State:
        """Return where an item stands.

        Raises:
            KeyError: it is not known.
        """
        with self._lock:
            return self._at(self._items[item])

    @property
    def stale(self) -> bool:
        """Whether there are so many new answers that `refit` is due."""
        return self._total - self._fitted_at >= max(_LEAST, _GROWN * self._fitted_at)

    def refit(self) -> None:
        """Learn the model of the sources anew, and tell every item by it."""
        with self._lock:
            votes, gold, fresh = self._votes(), self._known(), self._freshness()
            total = self._total
        belief = believe(votes, gold, fresh)
        with self._lock:
            if total != self._total:
                votes = self._votes()
            self._fitted_at = self._total
            self._adopt(belief, votes)

    def next_item(self, source: str, without: Collection[Any] = ()) -> Any | None:
        """Return the item on which an answer of a source is worth most; None where all are done.

        Args:
            source: Who asks; never gets what they have answered.
            without: Items not to give, as those that others have now.
        """
        with self._lock:
            who = self._sources.get(source)
            left = [self._items[item] for item in without if item in self._items]
            worth = self._table.worth()
            worth[left] = -1.0
            for held in (self._table.held, None):  # what a machine is asked first, only at last
                tried = worth if held is None else np.where(held, -1.0, worth)
                while len(tried):
                    best = int(tried.argmax())
                    if tried[best] < 0:
                        break
                    if who is None or who not in self._answers[best]:
                        return self._names[best]
                    tried[best] = -1.0
            return None

    def next_source(self, item: Any, offers: Sequence[Offer], *, left: float | None = None,
                    now: float = 0.0) -> Offer | None:  # fmt: skip
        """Return whose answer on an item is worth most for its cost; None where none is needed.

        Args:
            item: The item.
            offers: Who can be asked.
            left: What the budget still holds; None for no limit.
            now: Unix time, seconds; an answer that comes after the deadline is worth nothing.
        """
        with self._lock:
            place = self._place(item)
            state = self._at(place)
            until = self.target.deadline
            open_ = [
                offer
                for offer in offers
                if self._sources.get(offer.name) not in self._answers[place]
                and place not in self._passed.get(offer.name, ())
                and (left is None or offer.cost <= left)
                and (until is None or now + offer.seconds <= until)
            ]
            if state.done or not open_:
                return None
            cells = np.stack([self._cells_of(offer) for offer in open_])
        nats = gain_of_each(state.posterior, state.answers, cells, self._belief.rho)
        cost = np.array([max(offer.cost, 1e-9) for offer in open_])
        return open_[int((nats / cost).argmax())]

    def plan(
        self, offers: Sequence[Offer], most: int, *, left: float | None = None, now: float = 0.0
    ) -> dict[str, list[Any]]:
        """Return items by the machine whose answer is worth most for its cost, the best first.

        Items for which that is a machine are handed to no person until it has answered.

        Args:
            offers: Who can be asked.
            most: How many items at most.
            left: What the budget still holds; None for no limit.
            now: Unix time, seconds.
        """
        with self._lock:
            worth, until = self._table.worth(), self.target.deadline
            self._table.held[:] = False
            open_ = np.flatnonzero(worth >= 0)
            able = [
                offer
                for offer in offers
                if (left is None or offer.cost <= left)
                and (until is None or now + offer.seconds <= until)
            ]
            if not len(open_) or all(offer.kind == "people" for offer in able):
                return {}
            posterior, told = self._table.posterior[open_], self._table.told[open_]
            scores = np.stack(
                [
                    gain(posterior, told, self._cells_of(offer), self._belief.rho)
                    / max(offer.cost, 1e-9)
                    for offer in able
                ]
            )
            for score, offer in zip(scores, able, strict=True):
                score[np.isin(open_, list(self._passed.get(offer.name, ())))] = -1.0
            best = scores.argmax(0)
            machine = np.array([offer.kind != "people" for offer in able])[best]
            machine &= scores.max(0) >= 0
            self._table.held[open_[machine]] = True
            order = open_[machine][np.argsort(-worth[open_[machine]], kind="stable")][:most]
            chosen = dict(zip(open_[machine].tolist(), best[machine].tolist(), strict=True))
            return self._afforded([(int(at), able[chosen[int(at)]]) for at in order], left)

    def _afforded(
        self, wanted: Sequence[tuple[int, Offer]], left: float | None
    ) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for place, offer in wanted:
            if left is not None:
                left -= offer.cost
                if left < 0:
                    break
            found.setdefault(offer.name, []).append(self._names[place])
        return found

    def open_items(self) -> list[Any]:
        """Return the items that need an answer, the one that gains most first."""
        with self._lock:
            worth = self._table.worth()
            order = np.argsort(-worth, kind="stable")
            return [self._names[place] for place in order[worth[order] >= 0]]

    def done_items(self) -> list[Any]:
        """Return the items that need no answer and have some."""
        with self._lock:
            places = np.flatnonzero(self._table.done).tolist()
            return [self._names[place] for place in places if self._answers[place]]

    def answered(self, item: Any, source: str) -> bool:
        """Whether a source has answered about an item."""
        with self._lock:
            place, who = self._items.get(item), self._sources.get(source)
            return place is not None and who is not None and who in self._answers[place]

    def items(self) -> list[Any]:
        """Return the items that have answers."""
        with self._lock:
            told = zip(self._names, self._answers, strict=True)
            return [name for name, answers in told if answers]

    def counts(self) -> tuple[int, int]:
        """Return how many items there are, and how many of them are done."""
        with self._lock:
            return len(self._names), int(self._table.done.sum())

    def posteriors(self) -> tuple[list[Any], Floats]:
        """Return all items, and float[items, classes]."""
        with self._lock:
            return list(self._names), self._table.posterior.copy()

    def standing(self) -> Standing:
        """Return promised and achieved quality."""
        with self._lock:
            belief, votes = self._belief, self._votes()
            gold, fresh = self._known(), self._freshness()
        whole = self._widened(belief, votes)
        return standing(whole, votes, gold, fresh)

    def quality(self) -> list[SourceQuality]:
        """Return how good each source is now."""
        with self._lock:
            found = []
            for name, who in self._sources.items():
                counts = self._counts[who]
                total = float(counts.sum())
                interval = wilson(float(np.trace(counts)), max(round(total), 0))
                found.append(SourceQuality(name, round(total), *interval, self._cells(who)))
            return found

    def _place(self, item: Any) -> int:
        place = self._items.get(item)
        if place is None:
            place = self._items[item] = len(self._names)
            self._names.append(item)
            self._answers.append({})
            self._table.extend(1, self._prior, self._first_gain)
        return place

    def _source(self, name: str) -> int:
        who = self._sources.setdefault(name, len(self._sources))
        if who == len(self._counts):
            self._counts.append(np.zeros_like(self._pool))
            self._tables.append(self._pooled)
            self._trust.append(0.0)
        return who

    def _cells(self, who: int | None) -> Floats:
        """float[label, truth]: what a source's answers say, shrunk to what anybody's do."""
        pooled: Floats = np.exp(self._pooled)
        if who is None:
            return pooled
        trust = self._trust[who]
        mixed: Floats = trust * np.exp(self._tables[who]) + (1 - trust) * pooled
        return mixed

    def _cells_of(self, offer: Offer) -> Floats:
        """float[label, truth]: what an offer's answers say; people's are those of all people."""
        if offer.kind != "people":
            return self._cells(self._sources.get(offer.name))
        counts = [self._counts[w] for name, w in self._sources.items() if name.startswith(PEOPLE)]
        pooled: Floats = np.exp(self._pooled)
        if not counts:
            return pooled
        total: Floats = np.maximum(np.sum(counts, 0), 0.0) + 20 * pooled
        total /= total.sum(0)
        return total

    def _settle(self, place: int) -> None:
        """Tell an item's posterior from its answers."""
        answers = self._answers[place]
        pooled, owned, trust = self._log_prior.copy(), self._log_prior.copy(), 0.0
        divisor = float(effective(len(answers), self._belief.rho)[0])
        for who, code in answers.items():
            pooled += self._pooled[code] / divisor
            owned += self._tables[who][code] / divisor
            trust += self._trust[who] / len(answers)
        told = trust * softmax(owned) + (1 - trust) * softmax(pooled)
        self._table.posterior[place] = told
        self._judge(place)

    def _judge(self, place: int) -> None:
        """Say what one more answer brings to an item, and whether it is needed."""
        told, answers = self._table.posterior[place], len(self._answers[place])
        nats = float(gain_of_each(told, answers, np.exp(self._pooled)[None], self._belief.rho)[0])
        done = bool(enough(told.max(), nats, answers, self.target, self._floor, self._bar))
        self._table.judge(place, nats, answers, is_done=done, below=answers < self._floor)

    def _tell(self, place: int, sign: float) -> None:
        told = sign * self._table.posterior[place]
        for who, code in self._answers[place].items():
            self._counts[who][code] += told
            self._pool[code] += told

    def _learn(self, who: int) -> None:
        """Learn one source's table anew from what is known of it."""
        counts = np.maximum(self._counts[who], 0.0)
        pool = np.maximum(self._pool, 0.0) + 1e-6
        self._tables[who] = np.log(confusions(counts[None], pool=pool)[0])
        total = float(counts.sum())
        self._trust[who] = total / (total + self._strength)

    def _at(self, place: int) -> State:
        table = self._table
        return State(
            table.posterior[place].copy(),
            len(self._answers[place]),
            float(table.gain[place]),
            bool(table.done[place]),
        )

    def _adopt(self, belief: Belief, votes: Votes | None = None) -> None:
        size = len(self.classes)
        self._belief = belief
        self._pooled = belief.pool.table[:size]
        self._log_prior = belief.pool.prior
        self._prior = softmax(belief.pool.prior.copy())
        self._strength = belief.strength
        self._floor = self.target.floor if votes is None else floor_of(votes, self.target)
        cells = belief.confusion()
        self._bar = bar(cells, self.target.quality, self._floor, belief.rho)
        first = gain_of_each(self._prior, 0, np.exp(self._pooled)[None], belief.rho)
        self._first_gain = float(first[0])
        if votes is None or not len(votes.item):
            return
        posterior = self._widened(belief, votes).posterior(votes)
        self._counts = list(votes.counts(posterior))
        self._pool = np.sum(self._counts, 0)
        for who in range(len(self._counts)):
            self._learn(who)
        told = np.bincount(votes.item, minlength=votes.items)
        nats = gain(posterior, told, cells, belief.rho)
        done = enough(posterior.max(1), nats, told, self.target, self._floor, self._bar)
        self._table.replace(posterior, nats, told, done, told < self._floor)

    def _widened(self, belief: Belief, votes: Votes) -> Belief:
        """The belief with every source that there is now, new ones as good as anybody."""
        return belief.widened(votes.sources)

    def _votes(self) -> Votes:
        cells = [
            (place, who, code)
            for place, answers in enumerate(self._answers)
            for who, code in answers.items()
        ]
        columns = np.array(cells, np.int64).reshape(-1, 3).T
        sizes = len(self._names), max(len(self._sources), 1), len(self.classes)
        return Votes(columns[0], columns[1], columns[2], *sizes)

    def _known(self) -> Known | None:
        known = {place: code for place, code in self._gold.items() if self._answers[place]}
        if not known:
            return None
        return Known(np.array(list(known), np.int64), np.array(list(known.values()), np.int64))

    def _freshness(self) -> np.ndarray | None:
        if not self._fresh:
            return None
        pairs = (
            (place, who) in self._fresh
            for place, answers in enumerate(self._answers)
            for who in answers
        )
        return np.fromiter(pairs, bool)
