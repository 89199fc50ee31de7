"""Watch a model in memory, a day at a time, with a budget of one false alarm in twenty years.

The same evidence is behind `dovetail monitoring run`; here it needs no server. For 20 days nothing
changes. Then the wind turns, and the model, which does not know, gets worse.
"""

import numpy as np

from dovetail.monitoring import Monitor, Reference

random = np.random.default_rng(7)


def day(wind: float, rows: int = 400) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """One day of inputs, of the model's scores, and of what came true."""
    inputs = {"wind": random.normal(wind, 3, rows), "delay": random.exponential(12, rows)}
    scores = 1 / (1 + np.exp(-(inputs["delay"] - 12) / 8))
    truth = 1 / (1 + np.exp(-((inputs["delay"] - 12) / 8 + (wind - 10) / 3)))
    return inputs, scores, (random.random(rows) < truth).astype(int)


inputs, scores, labels = day(wind=10, rows=4000)
monitor = Monitor(Reference.fit(inputs, scores=scores, labels=labels), alpha_per_year=0.05)

alarms = []
for number in range(30):
    inputs, scores, labels = day(wind=10 if number < 20 else 13)
    found = monitor.update(inputs, scores=scores, labels=labels)
    if found.alarm:
        alarms.append(number)
        strongest = found.drift.columns[0]
        print(
            f"day {number}: {strongest.column} moved {strongest.shift:+.1f} standard deviations,"
            f" since {strongest.since}; the loss has risen: {found.loss.alarm}"
        )

assert alarms, "the turn must be seen"
assert alarms[0] in (20, 21, 22), "and soon, but not before it happens"
