"""What every source of answers is to the rest: something that answers a batch of tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dovetail.base.errors import InvalidInputError
from dovetail.wire.label_studio.answers import answers, as_region
from dovetail.wire.label_studio.config import Control, LabelConfig

__all__ = [
    "Question",
    "Said",
    "Source",
    "SourceError",
    "Task",
    "said_labels",
    "said_result",
]


class SourceError(InvalidInputError):
    """A source did not answer, or not in a way that can be used.

    Args:
        what: What went wrong.
        why: The likely cause.
        fix: The next step.
        field: The field of its description that is wrong; empty for none.
    """

    code = "label-source"

    def __init__(self, what: str, *, why: str = "", fix: str = "", field: str = "") -> None:
        self.field = field
        super().__init__(what, why=why, fix=fix)


@dataclass(frozen=True)
class Task:
    """What is asked about.

    Attributes:
        id: The task's number.
        data: Its fields.
    """

    id: int
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        project: The project's number.
        config: Its label config.
        control: The control whose classes are the answers.
    """

    project: int
    config: LabelConfig
    control: Control

    @property
    def classes(self) -> tuple[str, ...]:
        """The answers that can be given."""
        return self.control.options


@dataclass(frozen=True)
class Said:
    """One answer.

    Attributes:
        label: The class; None where the source abstains.
        score: How sure it says it is, 0 to 1; None where it does not say.
        result: The regions of it, word for word.
    """

    label: str | None
    score: float | None
    result: Sequence[Mapping[str, Any]]


class Source(Protocol):
    """Something that answers without a person.

    Attributes:
        name: What its answers are stored under.
        kind: What it is, in a word.
    """

    name: str
    kind: str

    def answer(self, tasks: Sequence[Task], question: Question) -> list[Said | None]:
        """Answer tasks, in their order; None where it abstains.

        Raises:
            SourceError: it cannot answer any of them.
        """

    def close(self) -> None:
        """Give connections back."""


def said_labels(
    said: Sequence[tuple[Any, Any]], question: Question, name: str
) -> list[Said | None]:
    """Make answers of classes and scores that a source gave; None and "" abstain.

    A word that is no class is an abstention too, as models now and then ramble.

    Raises:
        SourceError: every word is none of the control's classes.
    """
    found: list[Said | None] = []
    strange = ""
    for label, score in said:
        text = label.decode(errors="replace") if isinstance(label, bytes) else str(label)
        if label is None or not text:
            found.append(None)
        elif text not in question.classes:
            strange = text
            found.append(None)
        else:
            sure = float(score) if isinstance(score, int | float) and 0 <= score <= 1 else None
            found.append(Said(text, sure, [as_region(question.control, text, sure)]))
    if strange and not any(found):
        raise SourceError(
            f"the source {name!r} answered {strange[:80]!r}",
            why=f"{question.control.name!r} takes one of: {', '.join(question.classes[:8])}",
            fix="map the source's answers to these classes with `labels`",
        )
    return found


def said_result(
    result: Sequence[Mapping[str, Any]], score: float | None, question: Question
) -> Said | None:
    """Read the class out of the regions of a result; None where there is none in it."""
    found = answers(result, question.config).get(question.control.name)
    if found is None or found.label not in question.classes:
        return None
    return Said(found.label, score if score is not None else found.score, result)
