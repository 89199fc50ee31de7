"""One project under a policy: its router, its sources, what they cost and how fast they are."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from dovetail.labels.routing.offers import PEOPLE, Offer
from dovetail.labels.routing.served.records import Policy, Posterior, Told
from dovetail.labels.sources.seam import Question, Source
from dovetail.labels.sources.specs import People, Remote, Spec
from dovetail.wire.label_studio.answers import answers

__all__ = ["Asking", "Room", "person"]

_KEPT = 200
_PAUSE_S, _LONGEST_S = 5.0, 600.0
_AUDITS = 5  # every so many handouts may check a done item


def person(user: int) -> str:
    """The name of a person as a source."""
    return f"{PEOPLE}{user}"


@dataclass
class Asking:
    """A source of the project.

    Attributes:
        spec: Its description.
        source: Answers; None for people.
        problem: What went wrong last; empty where nothing did.
        until: Monotonic time before which it is not asked again.
        failures: How often in a row it failed.
        times: Seconds of its latest answers.
        cost: Spent on it.
        answers: How many it gave.
        abstained: How often it abstained.
    """

    spec: Spec
    source: Source | None
    problem: str = ""
    until: float = 0.0
    failures: int = 0
    times: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    cost: float = 0.0
    answers: int = 0
    abstained: int = 0

    @property
    def seconds(self) -> float:
        """Median time of an answer; what was said of it as long as none was measured."""
        return statistics.median(self.times) if self.times else self.spec.seconds

    def offer(self) -> Offer:
        """What it offers."""
        return Offer(self.spec.name, self.spec.cost, self.seconds, self._kind())

    def _kind(self) -> str:
        return "people" if self.source is None else self.source.kind

    @property
    def is_paused(self) -> bool:
        """Whether somebody paused it."""
        return not isinstance(self.spec, People) and self.spec.paused

    @property
    def concurrency(self) -> int:
        """How many batches it may be asked at the same time."""
        return self.spec.concurrency if isinstance(self.spec, Remote) else 1

    def fail(self, problem: str, now: float) -> None:
        """Leave it alone for a while, longer each time."""
        said = problem.replace("Webhook URL hostname", "the host")  # the shared check's words
        self.problem, self.failures = said, self.failures + 1
        self.until = now + min(_PAUSE_S * 2 ** (self.failures - 1), _LONGEST_S)


class Room:
    """A project under a policy. Its lock is held only for moments.

    Args:
        project: Its id.
        policy: What is wanted.
        question: What is asked.
        asked: Its sources; people are added where none are named.
    """

    def __init__(
        self, project: int, policy: Policy, question: Question, asked: Iterable[Asking]
    ) -> None:
        from dovetail.labels.routing.policy import Target
        from dovetail.labels.routing.router import Router

        self.project, self.policy, self.question = project, policy, question
        self.asked = {one.spec.name: one for one in asked}
        if not any(one.source is None for one in self.asked.values()):
            people = People()
            self.asked[people.name] = Asking(people, None)
        target = Target(
            quality=policy.quality, budget=policy.budget, deadline=policy.deadline,
            floor=min(policy.floor, policy.most), most=policy.most, audit=policy.audit,
        )  # fmt: skip
        self.router = Router(question.classes, target)
        self.lock = threading.RLock()
        self.changed: set[int] = set()
        self._written: dict[int, tuple[str, float, int, bool]] = {}
        self._skipped: set[tuple[int, str]] = set()
        self._checked: set[int] = set()
        self._handouts = 0

    @property
    def people(self) -> Asking:
        """The people."""
        return next(one for one in self.asked.values() if one.source is None)

    @property
    def machines(self) -> list[Asking]:
        """The sources that answer without a person."""
        return [one for one in self.asked.values() if one.source is not None]

    @property
    def spent(self) -> float:
        """What all answers cost so far."""
        return sum(one.cost for one in self.asked.values())

    def left(self) -> float | None:
        """What the budget still holds; None for no limit."""
        return None if self.policy.budget is None else max(self.policy.budget - self.spent, 0.0)

    def is_over(self, now: float) -> bool:
        """Whether the deadline has passed, or no source fits into what is left."""
        left, until = self.left(), self.policy.deadline
        if until is not None and now >= until:
            return True
        return left is not None and all(
            one.spec.cost > left for one in self.asked.values() if not one.is_paused
        )

    def label_of(self, result: Sequence[dict[str, object]]) -> str | None:
        """The class that a result says; None where it says none."""
        found = answers(result, self.question.config).get(self.question.control.name)
        label = found.label if found is not None else None
        return label if label in self.question.classes else None

    def restore(self, tasks: Iterable[int], history: Iterable[Told]) -> None:
        """Take what is there: all tasks, and all answers in the order in which they came."""
        known: list[tuple[int, str, str, bool]] = []
        with self.lock:
            for told in history:
                is_person = told.source.startswith(PEOPLE)
                if is_person and told.label is None:
                    self._skipped.add((told.task, told.source))
                    continue
                if not is_person:
                    self.router.abstain(told.task, told.source)
                one = self.people if is_person else self.asked.get(told.source)
                if one is not None:
                    self._count(one, told.label, told.seconds, told.cost)
                if told.label in self.question.classes:
                    assert told.label is not None
                    known.append((told.task, told.source, told.label, told.is_fresh))
                    if told.is_fresh:
                        self._checked.add(told.task)
            self.router.expect(tasks)
            self.router.load(known)

    def say(self, task: int, user: int, label: str | None, seconds: float | None) -> bool:
        """Take a person's answer, None for a skip; say whether it checked a done item.

        Args:
            task: About which task.
            user: Who.
            label: What.
            seconds: How long it took.
        """
        who = person(user)
        with self.lock:
            if label is None:
                self._skipped.add((task, who))
                return False
            state = self.router.add(task, who, None)
            fresh = state.done and state.answers > 0 and not self.router.answered(task, who)
            self.router.add(task, who, label, fresh=fresh)
            if fresh:
                self._checked.add(task)
            self._count(self.people, label, seconds, self.people.spec.cost)
            self.changed.add(task)
            return fresh

    def unsay(self, task: int, user: int) -> None:
        """Take a person's answer back."""
        with self.lock:
            self.router.drop(task, person(user))
            self._skipped.discard((task, person(user)))
            self.changed.add(task)

    def take(self, told: Told) -> None:
        """Take a machine's answer."""
        with self.lock:
            self.router.abstain(told.task, told.source)
            one = self.asked.get(told.source)
            if one is not None:
                self._count(one, told.label, told.seconds, told.cost)
            if told.label in self.question.classes:
                self.router.add(told.task, told.source, told.label)
                self.changed.add(told.task)

    def next_for(self, user: int, taken: Collection[int], now: float) -> int | None:
        """Return the task on which a person's answer is worth most; None where none is needed."""
        who = person(user)
        with self.lock:
            if self.is_over(now):
                return None
            mine = {task for task, name in self._skipped if name == who}
            self._handouts += 1
            if self._handouts % _AUDITS == 0:
                found = self._to_check(who, {*taken, *mine})
                if found is not None:
                    return found
            found = self.router.next_item(who, {*taken, *mine})
            return int(found) if found is not None else self._to_check(who, {*taken, *mine})

    def for_machines(
        self, most: int, now: float, without: Collection[int] = (), reserved: float = 0.0
    ) -> dict[str, list[int]]:
        """Return tasks by the machine whose answer is worth most for its cost.

        Args:
            most: So many tasks at most.
            now: Unix time, seconds.
            without: Tasks that somebody is being asked about.
            reserved: What the answers to these will cost.
        """
        with self.lock:
            moment = time.monotonic()
            if not self.machines or self.is_over(now):
                return {}
            able = (one for one in self.asked.values() if not one.is_paused)
            offers = [one.offer() for one in able if one.until <= moment]
            left = self.left()
            if left is not None:
                left = max(left - reserved, 0.0)
            planned = self.router.plan(offers, most + len(without), left=left, now=now)
            fresh = {
                name: [task for task in chosen if task not in without]
                for name, chosen in planned.items()
            }
            return {name: chosen for name, chosen in fresh.items() if chosen}

    def to_write(self, most: int) -> list[Posterior]:
        """How the tasks stand that changed, as far as anybody would see it."""
        with self.lock:
            part = [self.changed.pop() for _ in range(min(most, len(self.changed)))]
        found = []
        for one in self.posteriors(part):
            seen = (one.label, round(one.confidence, 2), one.answers, one.is_done)
            if self._written.get(one.task) != seen:
                self._written[one.task] = seen
                found.append(one)
        return found

    def posteriors(self, tasks: Iterable[int]) -> list[Posterior]:
        """How tasks stand."""
        found, classes = [], self.question.classes
        with self.lock:
            for task in tasks:
                try:
                    state = self.router.state(task)
                except KeyError:
                    continue
                best = int(state.posterior.argmax())
                found.append(
                    Posterior(
                        task=task,
                        label=classes[best],
                        confidence=float(state.posterior[best]),
                        answers=state.answers,
                        is_done=state.done,
                        posterior=dict(zip(classes, state.posterior.tolist(), strict=True)),
                    )
                )
        return found

    def _to_check(self, who: str, without: Collection[int]) -> int | None:
        """A done item that is to be checked by a fresh answer."""
        audit = self.policy.audit
        if not audit:
            return None
        for task in self.router.done_items():
            if task in without or task in self._checked or self.router.answered(task, who):
                continue
            if (task * 2654435761 % 2**32) / 2**32 < audit:
                return int(task)
        return None

    def _count(self, one: Asking, label: str | None, seconds: float | None, cost: float) -> None:
        one.cost += cost
        one.answers += label is not None
        one.abstained += label is None
        if seconds is not None:
            one.times.append(seconds)
