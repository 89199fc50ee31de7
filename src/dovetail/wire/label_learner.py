"""The AI labeller of a labelling project over HTTP: its settings, how good it is, what it advises.

Dovetail's own surface; predictions and annotations themselves go over Label Studio's API.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from dovetail.wire.http import HttpClient

__all__ = ["Advised", "Change", "Client", "Learner", "Settings", "Skill", "Version"]

Phase = Literal["off", "waiting", "training", "ready", "failed"]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a project wants of its labeller.

    Attributes:
        enabled: Whether it learns as answers come.
        strategy: Which items are to be labelled next, by name.
        every: New answers before it learns again; later a fifth of all, where that is more.
        fields: Fields of the data to learn from; those that the label config shows where empty.
        predicts: Whether it writes predictions on open tasks.
        orders: Whether the strategy decides which task annotators get next.
        embeds: Whether texts and images go through the models that the operator named.
    """

    enabled: bool = False
    strategy: str = "typical-margin"
    every: Annotated[int, Meta(ge=1, le=1_000_000)] = 10
    fields: tuple[str, ...] = ()
    predicts: bool = True
    orders: bool = True
    embeds: bool = False


class Change(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings to change; None stays as it is. Fields as in `Settings`."""

    enabled: bool | None = None
    strategy: str | None = None
    every: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    fields: tuple[str, ...] | None = None
    predicts: bool | None = None
    orders: bool | None = None
    embeds: bool | None = None


class Skill(Struct, frozen=True, kw_only=True):
    """How well one question is answered.

    Attributes:
        control: The question.
        goal: "one" class, "several" classes or a "number".
        answers: Answers that it was measured on, none of which it had learned from; 0 while they
            are too few.
        accuracy: Share that is right, to expect on open tasks; of a number, the share of the
            variance that is explained.
        lower: Lower end of a 95 % interval of that.
        upper: Its upper end.
        confidence: What it promised, on average.
        calibration: Mean difference of promise and truth (ECE, ten bins).
        error: Root mean squared error of a number.
        text: Whether more answers are worth it, in words.
    """

    control: str
    goal: str
    answers: int = 0
    accuracy: float | None = None
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    calibration: float | None = None
    error: float | None = None
    text: str = ""


class Advised(Struct, frozen=True, kw_only=True):
    """Whether more labelling is worth it.

    Attributes:
        verdict: "worth it", "little to gain", "nothing to gain", "too few answers to say".
        answers: How many there are.
        more: The forecast is for so many more.
        error: Error to expect on open tasks now.
        lower: Lower end of a 95 % interval of that.
        upper: Its upper end.
        gain: By how much it would fall.
        gain_lower: Lower end of a 95 % interval of that.
        gain_upper: Its upper end.
        points: The learning curve: answers learned from, error then.
        text: All that in a sentence.
    """

    verdict: str
    answers: int
    more: int = 0
    error: float | None = None
    lower: float | None = None
    upper: float | None = None
    gain: float | None = None
    gain_lower: float | None = None
    gain_upper: float | None = None
    points: tuple[tuple[int, float], ...] = ()
    text: str = ""


class Version(Struct, frozen=True, kw_only=True):
    """One trained model.

    Attributes:
        name: The `model_version` of its predictions.
        answers: Answered tasks that it learned from.
        trained_at: RFC 3339 in UTC.
        seconds: Processor time of the training.
        skills: How good it is.
        advice: Whether more answers are worth it.
        notes: What it could not learn, and why.
        predicted: Open tasks that it has answered.
        run: Its run at the tracking server, "" where none is kept.
    """

    name: str
    answers: int
    trained_at: str
    seconds: float
    skills: tuple[Skill, ...] = ()
    advice: Advised | None = None
    notes: tuple[str, ...] = ()
    predicted: int = 0
    run: str = ""


class Learner(Struct, frozen=True, kw_only=True):
    """A project's labeller.

    Attributes:
        project: The project.
        settings: What is wanted of it.
        phase: What it does now.
        new_answers: Answers since it last learned.
        needed: At how many it learns again.
        problem: Why it does not learn, "" where it does.
        version: The model that answers now.
        versions: All that are known, the newest first.
        strategies: Names that `settings.strategy` can be.
    """

    project: int
    settings: Settings
    phase: Phase
    new_answers: int = 0
    needed: int = 0
    problem: str = ""
    version: Version | None = None
    versions: tuple[Version, ...] = ()
    strategies: tuple[str, ...] = ()


class Client(HttpClient):
    """A client of the labellers of a labelling server.

    Examples:
        >>> with Client("http://localhost:8080") as labels:  # doctest: +SKIP
        ...     labels.change(7, Change(enabled=True))
        ...     print(labels.learner(7).phase)
        training
    """

    def learner(self, project: int) -> Learner:
        """How a project's labeller stands."""
        return self.get(_path(project), Learner)

    def change(self, project: int, change: Change) -> Learner:
        """Change what is wanted of it."""
        return self.post(_path(project), change, Learner, method="PUT")

    def train(self, project: int) -> Learner:
        """Have it learn now, in the background."""
        return self.post(f"{_path(project)}/train", {}, Learner, repeatable=True)


def _path(project: int) -> str:
    return f"/api/labels/projects/{project}/learner"
