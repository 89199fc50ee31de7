"""Which task is with whom, for a while, so that two annotators do not answer the same one."""

import threading
import time
import uuid
from dataclasses import dataclass

__all__ = ["Locks"]


@dataclass
class _Lock:
    until: float
    unique_id: str


class Locks:
    """Which tasks are with whom.

    Label Studio hands out one task at a time; a desk loads several ahead. They are kept in memory:
    one that is lost costs a second answer to one task, and no answer.

    Args:
        seconds: how long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held: dict[int, dict[int, dict[int, _Lock]]] = {}  # by project, user and task
        self._guard = threading.Lock()

    def mine(self, project: int, user: int) -> int | None:
        """Return the task that a user was given first of those they have; None for none."""
        now = time.monotonic()
        with self._guard:
            held = self._held.get(project, {}).get(user, {})
            return next((task for task, lock in held.items() if lock.until > now), None)

    def taken(self, project: int, user: int) -> dict[int, int]:
        """Return how many others have each task."""
        now = time.monotonic()
        counted: dict[int, int] = {}
        with self._guard:
            for holder, held in self._held.get(project, {}).items():
                if holder == user:
                    continue
                for task, lock in held.items():
                    if lock.until > now:
                        counted[task] = counted.get(task, 0) + 1
        return counted

    def take(self, project: int, user: int, task: int) -> str:
        """Give a user a task and return the id of the lock; one that they have is kept longer."""
        with self._guard:
            users = self._held.setdefault(project, {})
            now = time.monotonic()
            for holder, held in list(users.items()):
                for late in [number for number, lock in held.items() if lock.until <= now]:
                    del held[late]
                if not held:
                    del users[holder]
            lock = users.setdefault(user, {}).setdefault(task, _Lock(0, str(uuid.uuid4())))
            lock.until = now + self._seconds
            return lock.unique_id

    def free(self, project: int, user: int, task: int) -> None:
        """Take a task back from a user who has answered it."""
        with self._guard:
            self._held.get(project, {}).get(user, {}).pop(task, None)
