"""The rows that the benchmarks of features store and look up."""

import random

ENTITIES = 1000
FEATURES = [f"f{i}" for i in range(10)]


def value(entity: int, minute: int, feature: int) -> float:
    """A number of full length, the same for everybody."""
    return random.Random(f"{entity}/{minute}/{feature}").gauss(0, 1)


def rows(count: int, minute: int) -> dict[str, list[object]]:
    """Rows of the first entities at one moment."""
    columns: dict[str, list[object]] = {
        name: [value(entity, minute, at) for entity in range(count)]
        for at, name in enumerate(FEATURES)
    }
    columns["driver"] = [f"d{number}" for number in range(count)]
    columns["at"] = [f"2026-01-01T{minute // 60 % 24:02}:{minute % 60:02}:00Z"] * count
    return columns
