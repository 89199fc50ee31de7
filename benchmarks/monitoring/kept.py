"""Simulated years kept in a file, so that a long run can be stopped and goes on where it stood."""

import json
from pathlib import Path
from typing import Any


class Kept:
    """Results of simulations, one JSON line each.

    Args:
        path: The file; None keeps in memory only.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._found: dict[tuple[str, str, int], float] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                one: dict[str, Any] = json.loads(line)
                self._found[one["name"], one["subject"], one["number"]] = one["value"]

    def get(self, name: str, subject: str, number: int) -> float | None:
        """What a run gave; None where it has not been made."""
        return self._found.get((name, subject, number))

    def put(self, name: str, subject: str, number: int, value: float) -> None:
        """Keep what a run gave."""
        self._found[name, subject, number] = value
        if self._path is not None:
            one = {"name": name, "subject": subject, "number": number, "value": value}
            with self._path.open("a") as file:
                file.write(json.dumps(one) + "\n")
