"""What comes before the router's choice: work sent back, qualification, and hidden gold.

Asked before each item of an invited person. A project without a plan and a person who was not
invited cost one look at a dictionary.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from dovetail.labels.backend import Asked
from dovetail.labels.people import records
from dovetail.labels.people.book import Book
from dovetail.labels.people.errors import NotQualifiedError
from dovetail.labels.people.given import Given
from dovetail.labels.people.gold import Marked, chosen, is_due, mark
from dovetail.labels.people.plan import Plan
from dovetail.labels.people.plans import Kept, Plans
from dovetail.labels.people.qualification import Rule, Verdict, floor_broken, judge

__all__ = ["Progress", "Queue", "Standing"]

_TRUSTED_S = 30.0
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Progress:
    """Where a person stands in a project.

    Attributes:
        verdict: What their qualification says; None where none is needed.
        hidden_right: Right answers to hidden gold since they qualified.
        hidden: Answers to hidden gold since.
        is_suspended: Whether hidden gold says for sure that they fell below the threshold.
        may_label: Whether they get real items.
        text: One sentence.
    """

    verdict: Verdict | None
    hidden_right: int
    hidden: int
    is_suspended: bool
    may_label: bool
    text: str


@dataclass
class Standing:
    """What the queue knows of one person in one project.

    Attributes:
        attempt_ms: Since when their qualification counts.
        seen: Gold tasks that they answered or skipped in this attempt.
        marked: Their first answers to gold in this attempt, in order.
        asked: How often they asked, and answered before.
        since: How many real items they got since the last gold one.
        handed: Gold tasks handed out and not answered yet.
        until: When to read all this again.
    """

    attempt_ms: int
    seen: set[int]
    marked: list[Marked]
    asked: int
    since: int
    handed: dict[int, float] = field(default_factory=dict)
    until: float = 0.0


@dataclass(frozen=True)
class _Gold:
    """A project's gold: expected values and what each is used for."""

    expected: dict[int, dict[str, Any]]
    used_for: dict[int, str]

    def tasks(self, *uses: str) -> list[int]:
        return [task for task, use in self.used_for.items() if use in uses]


class Queue:
    """Decides what an invited person does next, where the router should not.

    Args:
        database: That of people.
        book: Reads answers.
        plans: What managers decided.
        role_of: A person's role by project and number; None for who was not invited.
        now_ms: The time.
        count: How many answers a person gave in a project.
        clock: Seconds that never go back.
        lock_s: How long an item that was handed out is kept.
    """

    def __init__(
        self,
        database: Any,
        book: Book,
        plans: Plans,
        *,
        role_of: Callable[[int, int], str | None],
        now_ms: Callable[[], int],
        count: Callable[[int, int], int],
        clock: Callable[[], float] = time.monotonic,
        lock_s: float = 900.0,
    ) -> None:
        self._database, self._book, self._plans = database, book, plans
        self._role_of, self._now_ms, self._count = role_of, now_ms, count
        self._clock, self._lock_s = clock, lock_s
        self._known: dict[tuple[int, int], Standing] = {}
        self._gold: dict[int, tuple[float, _Gold]] = {}
        self._returned: dict[tuple[int, int], tuple[float, list[int]]] = {}
        self._lock = threading.Lock()

    def choose(self, asked: Asked) -> int | None:
        """Return the task that comes next; None where the router decides.

        Raises:
            NotQualifiedError: the person may not label here, or not any more.
        """
        if self._role_of(asked.project, asked.user) not in ("annotator", "reviewer"):
            return None
        returned = self._sent_back(asked)
        if returned is not None:
            return returned
        kept = self._plans.kept(asked.project)
        if kept is None or (kept.plan.qualification is None and not kept.plan.gold_share):
            return None
        with self._lock:
            return self._pick(asked, kept)

    def progress(self, project: int, person: int) -> Progress:
        """Return where a person stands."""
        kept = self._plans.kept(project)
        with self._lock:
            standing = self._standing(project, person)
            return self._progress(project, standing, kept.plan if kept else Plan())

    def may_answer(self, project: int, person: int, task: int) -> bool:
        """Return whether a person may answer a task: a real one takes their qualification."""
        kept = self._plans.kept(project)
        if kept is None or kept.plan.qualification is None:
            return True
        with self._lock:
            standing = self._standing(project, person)
            gold = self._gold_of(project)
            if self._progress(project, standing, kept.plan).may_label:
                return True
            return gold.used_for.get(task) in ("qualification", "both")

    def is_gold(self, project: int, task: int) -> bool:
        """Return whether a task is gold."""
        return task in self._gold_of(project).expected

    def attempt(self, project: int, person: int) -> int:
        """Return since when a person's qualification counts."""
        with self._lock:
            return self._standing(project, person).attempt_ms

    def answered(self, project: int, person: int, task: int) -> bool:
        """Take up that a person answered something, and return whether it was sent back before."""
        self.sent_back(project, person)
        with self._lock:
            if task in self._gold_of(project).expected:
                standing = self._known.pop((project, person), None)
                if standing is not None:
                    self._keep(project, person, replace(self._load(project, person), since=0))
            _, pending = self._returned.get((project, person), (0.0, []))
            if task not in pending:
                return False
            pending.remove(task)
            return True

    def forget(self, project: int, person: int | None = None) -> None:
        """Read what is known of a project anew at the next question."""
        with self._lock:
            self._gold.pop(project, None)
            for key in [*self._known, *self._returned]:
                if key[0] == project and person in (None, key[1]):
                    self._known.pop(key, None)
                    self._returned.pop(key, None)

    def _pick(self, asked: Asked, kept: Kept) -> int | None:
        project, person = asked.project, asked.user
        standing, gold = self._standing(project, person), self._gold_of(project)
        standing.asked += 1
        progress = self._progress(project, standing, kept.plan)
        if not progress.may_label:
            if progress.verdict is None or progress.verdict.state != "needs more":
                raise NotQualifiedError(project, progress.text)
            items = gold.tasks("qualification", "both")
            task = self._hand(standing, kept, asked, items)
            if task is None:
                why = "its set of items to qualify with is used up or empty"
                raise NotQualifiedError(project, why)
            return task
        share, name = kept.plan.gold_share, str(person)
        if is_due(kept.secret, name, standing.asked, share, standing.since):
            task = self._hand(standing, kept, asked, gold.tasks("hidden", "both"))
            if task is not None:
                standing.since = 0
                return task
        standing.since += 1
        return None

    def _hand(self, standing: Standing, kept: Kept, asked: Asked, tasks: list[int]) -> int | None:
        """Choose among gold that a person has not seen, and keep it from coming twice at once."""
        now = self._clock()
        standing.handed = {task: at for task, at in standing.handed.items() if at > now}
        left = [task for task in tasks if task not in standing.seen]
        held = standing.handed.keys() | asked.taken
        fresh = [task for task in left if task not in held]
        task = chosen(kept.secret, str(asked.user), standing.asked, fresh or left)
        if task is not None:
            standing.handed[task] = now + self._lock_s
        return task

    def sent_back(self, project: int, person: int) -> list[int]:
        """Return the tasks that a person has to answer again."""
        key = project, person
        known = self._returned.get(key)
        if known is None or self._clock() >= known[0]:
            found = self._database.read(lambda c: records.sent_back(c, *key))
            known = self._clock() + _TRUSTED_S, found
            with self._lock:
                self._returned[key] = known
        return list(known[1])

    def _sent_back(self, asked: Asked) -> int | None:
        # A desk that loads ahead names what it holds as taken, and wants another item then.
        tasks = self.sent_back(asked.project, asked.user)
        return next((task for task in tasks if task not in asked.taken), None)

    def _progress(self, project: int, standing: Standing, plan: Plan) -> Progress:
        gold = self._gold_of(project)
        marked = [one for one in standing.marked if one.given.task in gold.expected]
        if plan.qualification is None:
            right = sum(one.is_right for one in marked)
            return Progress(None, right, len(marked), False, True, "No qualification is needed.")
        rule = plan.qualification.rule()
        items = gold.tasks("qualification", "both")
        asked = [one for one in marked if one.given.task in set(items)]
        verdict = judge(asked, rule, len(items))
        used = {one.given.annotation for one in asked[: verdict.answers]}
        later = [one for one in marked if one.given.annotation not in used]
        right, hidden = sum(one.is_right for one in later), len(later)
        low = verdict.state == "passed" and floor_broken(right, hidden, rule.tiers[0].threshold)
        may = verdict.state == "passed" and not low
        text = verdict.text
        if low:
            text = f"Quality fell: {right} of {hidden} right on items since; qualify again."
        return Progress(verdict, right, hidden, low, may, text)

    def _standing(self, project: int, person: int) -> Standing:
        standing = self._known.get((project, person))
        if standing is None or self._clock() >= standing.until:
            handed, since = (standing.handed, standing.since) if standing else ({}, 0)
            fresh = self._load(project, person)
            standing = self._keep(project, person, replace(fresh, handed=handed, since=since))
        rule = self._rule(project)
        if rule is not None and rule.days and self._is_over(standing, rule, project):
            now = self._now_ms()
            self._database.write(
                lambda c: records.change_member(c, project, person, requalify_ms=now)
            )
            standing = self._keep(project, person, self._load(project, person))
        return standing

    def _rule(self, project: int) -> Rule | None:
        qualification = self._plans.of(project).qualification
        return qualification.rule() if qualification else None

    def _is_over(self, standing: Standing, rule: Rule, project: int) -> bool:
        """Whether a qualification was passed so long ago that it no longer holds."""
        items = set(self._gold_of(project).tasks("qualification", "both"))
        asked = [one for one in standing.marked if one.given.task in items]
        verdict = judge(asked, rule, len(items))
        if verdict.state != "passed" or not asked:
            return False
        return self._now_ms() - asked[verdict.answers - 1].given.at_ms > rule.days * _DAY_MS

    def _keep(self, project: int, person: int, standing: Standing) -> Standing:
        standing.until = self._clock() + _TRUSTED_S
        if len(self._known) >= 10_000:
            self._known.clear()
        self._known[project, person] = standing
        return standing

    def _load(self, project: int, person: int) -> Standing:
        member = self._database.read(lambda c: records.member_of(c, project, person))
        attempt = member.requalify_ms if member else 0
        rows = self._database.read(lambda c: records.gold_answers_of(c, project, person))
        values = self._book.values(project)
        mine = [
            Given(r.annotation, r.task, str(person), r.at_ms, r.seconds, values.read(r.result))
            for r in rows
            if r.attempt_ms == attempt and not r.is_skip
        ]
        gold = self._gold_of(project).expected
        seen = {row.task for row in rows if row.attempt_ms == attempt}
        marked = mark(mine, gold, values.similar)
        return Standing(attempt, seen, marked, self._count(project, person), 0)

    def _gold_of(self, project: int) -> _Gold:
        known = self._gold.get(project)
        if known is not None and self._clock() < known[0]:
            return known[1]
        rows = self._database.read(lambda c: records.gold_of(c, project))
        values = self._book.values(project) if rows else None
        expected = {row.task: values.read(row.expected) for row in rows} if values else {}
        found = _Gold(dict(expected), {row.task: row.used_for for row in rows})
        self._gold[project] = self._clock() + _TRUSTED_S, found
        return found
