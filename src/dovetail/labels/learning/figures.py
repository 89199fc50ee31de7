"""What is shown of a trained labeller: its figures as messages."""

from dataclasses import asdict

from dovetail.labels.learning.advice import Advice
from dovetail.labels.learning.labeller import Labeller
from dovetail.labels.learning.labeller import Skill as Known
from dovetail.wire.label_learner import Advised, Skill, Version

__all__ = ["version_of"]


def version_of(labeller: Labeller, name: str, trained_at: str, seconds: float) -> Version:
    """The figures of a labeller.

    Args:
        labeller: Which.
        name: The `model_version` of its predictions.
        trained_at: When, RFC 3339 in UTC.
        seconds: Processor time that it took.
    """
    advice = labeller.advice
    return Version(
        name=name,
        answers=labeller.answers,
        trained_at=trained_at,
        seconds=round(seconds, 3),
        skills=tuple(_skill(one) for one in labeller.skills),
        advice=None if advice is None else _advised(advice),
        notes=labeller.notes,
    )


def _skill(known: Known) -> Skill:
    asked, told = known.question, known.quality
    figures = {} if told is None else asdict(told)
    return Skill(control=asked.control, goal=asked.goal, text=str(known.advice), **figures)


def _advised(advice: Advice) -> Advised:
    return Advised(**asdict(advice), text=str(advice))
