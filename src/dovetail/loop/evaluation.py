"""Two versions on the same labelled rows, asked over the inference server."""

from datetime import date, timedelta

from dovetail.loop.compare import Comparison, compare
from dovetail.loop.deploy import Deployer
from dovetail.loop.recipe import Examples, Recipe
from dovetail.loop.settings import LoopSettings

__all__ = ["Evaluation"]


class Evaluation:
    """Compares versions on rows that the recipe gives.

    Args:
        settings: how sure an interval has to be.
        deployer: loads and asks the versions.
        recipe: gives the rows.
    """

    def __init__(self, settings: LoopSettings, deployer: Deployer, recipe: Recipe) -> None:
        self._settings, self._deployer, self._recipe = settings, deployer, recipe

    def rows(self, start: date, day: date) -> Examples:
        """Return the labelled rows from `start` to `day`, both included."""
        return self._recipe.examples(start, day + timedelta(days=1))

    def compare(self, champion: str | None, challenger: str, start: date, day: date) -> Comparison:
        """Compare two versions on the rows from `start` to `day`, both included.

        Args:
            champion: the version in force; None compares the challenger with itself.
            challenger: the other one.
            start: the first day.
            day: the last day.
        """
        for version in dict.fromkeys((champion or challenger, challenger)):
            self._deployer.load(version)
        rows = self.rows(start, day)
        scores = self._deployer.score(challenger, rows.inputs)
        before = scores if champion is None else self._deployer.score(champion, rows.inputs)
        return compare(before, scores, rows.labels, rows.days, self._settings.confidence)
