"""The AI labeller: learns the questions of a label config from answered tasks, and answers others.

It knows no server and no store. What it learned can be written to bytes and read back: arrays and
JSON, never code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dovetail.base.errors import InvalidInputError
from dovetail.labels.learning.advice import Advice, advise, curve_of, worst
from dovetail.labels.learning.encoding import Data, Encoder
from dovetail.labels.learning.fairness import fair_weights, sureness
from dovetail.labels.learning.inputs import inputs_of
from dovetail.labels.learning.learner import LINKS, Held, Learned, learn, tempered
from dovetail.labels.learning.linear import activated
from dovetail.labels.learning.quality import Quality, measured
from dovetail.labels.learning.questions import (
    Question,
    Vote,
    questions,
    region,
    truths,
)
from dovetail.labels.learning.reading import Reader
from dovetail.labels.learning.records import MOST
from dovetail.labels.learning.rows import Rows
from dovetail.labels.learning.space import Space
from dovetail.labels.votes import Floats
from dovetail.wire.label_studio.answers import Answer, answers
from dovetail.wire.label_studio.config import LabelConfig, parse

__all__ = ["Answered", "Labeller", "Predicted", "Said", "Skill", "train"]

_COMPARED = 1_000  # open tasks that the answered ones are weighed against


@dataclass(frozen=True)
class Said:
    """One annotation of a task.

    Attributes:
        source: Who.
        result: The regions.
        is_gold: Whether it is held to be true.
    """

    source: str
    result: Sequence[Mapping[str, Any]]
    is_gold: bool = False


@dataclass(frozen=True)
class Answered:
    """A task with what was said of it.

    Attributes:
        data: Its data.
        said: The annotations that count: none that was cancelled.
    """

    data: Data
    said: Sequence[Said]


@dataclass(frozen=True)
class Skill:
    """What was learned of one question.

    Attributes:
        question: Which.
        learned: The model.
        quality: How good it is on answers that it did not see; None where they are too few.
        advice: Whether more answers are worth it.
    """

    question: Question
    learned: Learned
    quality: Quality | None
    advice: Advice


@dataclass(frozen=True)
class Predicted:
    """What the labeller says of a task.

    Attributes:
        result: Regions, each with its own score.
        score: The lowest of them: how sure it is of all.
    """

    result: list[dict[str, Any]]
    score: float


@dataclass(frozen=True)
class Labeller:
    """A trained labeller.

    Attributes:
        config: The label config, XML.
        encoder: Data to rows.
        skills: What it can answer.
        answers: From how many answered tasks.
        notes: Questions that it cannot answer, and why.
    """

    config: str
    encoder: Encoder
    skills: tuple[Skill, ...]
    answers: int
    notes: tuple[str, ...] = field(default=())

    @property
    def advice(self) -> Advice | None:
        """Whether more labelling is worth it, by the question with most to gain."""
        return worst([skill.advice for skill in self.skills])

    def predict(self, tasks: Sequence[Data], reader: Reader | None = None) -> list[Predicted]:
        """Answer some tasks, in order."""
        rows = self.encoder.rows(tasks, reader)
        controls = parse(self.config).controls
        found = [Predicted([], 1.0) for _ in tasks]
        for skill in self.skills:
            control = controls[skill.question.control]
            told = skill.learned.answers(rows)
            for place, one in enumerate(told):
                said, score = region(skill.question, control, one, skill.learned.spread)
                before = found[place]
                kept = [*before.result, said] if _says_something(said) else before.result
                found[place] = Predicted(kept, min(before.score, score))
        return found

    def unsure(self, rows: Rows) -> Floats | None:
        """float[n, classes]: probabilities of the first question with classes, for a strategy."""
        for skill in self.skills:
            if skill.question.goal == "one":
                return skill.learned.answers(rows)
            if skill.question.goal == "several":
                told = skill.learned.answers(rows)
                worst_label = np.abs(told - 0.5).argmin(1)
                one = told[np.arange(len(told)), worst_label]
                return np.stack([one, 1 - one], 1)
        return None


def _says_something(said: Mapping[str, Any]) -> bool:
    return all(value != [] for value in said["value"].values())


def train(
    config: str,
    answered: Sequence[Answered],
    pool: Sequence[Data] = (),
    *,
    fields: Sequence[str] = (),
    before: Labeller | None = None,
    reader: Reader | None = None,
) -> Labeller:
    """Learn from answered tasks.

    Args:
        config: The label config, XML.
        answered: Tasks with their annotations.
        pool: Data of a sample of the others, to learn from which words are rare.
        fields: Fields to learn from; what the config shows by default.
        before: The last labeller, to go on from.
        reader: Gives the bytes of images that are not within the tasks, and models that embed.

    Raises:
        ConfigError: The config cannot be read.
        InvalidInputError: Nothing can be learned: no question of a kind that can be, no field that
            can be read, or no two different answers.
        MissingExtraError: There are images, and Pillow is not installed.
    """
    parsed = parse(config)
    asked = questions(parsed)
    if not asked:
        raise InvalidInputError(
            "the label config asks nothing that can be learned",
            why="Choices, Pairwise, Rating and Number are; spans and boxes are not",
            fix="connect a model of yours for those",
        )
    some = list(answered)[-MOST:]
    sample = [*(one.data for one in some), *pool]
    encoder = Encoder.learned(sample, inputs_of(parsed, fields), reader)
    rows = encoder.rows([one.data for one in some], reader)
    open_ = encoder.rows(pool[:_COMPARED], reader)
    votes = _votes(some, parsed, asked)
    skills, notes, errors = [], [], []
    for question in asked:
        try:
            skills.append(
                _learned(question, votes[question.control], rows, open_, _skill(before, question))
            )
        except InvalidInputError as error:
            notes.append(f"{question.control}: {error}")
            errors.append(error)
    if not skills:
        raise errors[0]
    return Labeller(config, encoder, tuple(skills), len(some), tuple(notes))


def _skill(before: Labeller | None, question: Question) -> Learned | None:
    if before is None:
        return None
    return next((s.learned for s in before.skills if s.question == question), None)


def _votes(
    answered: Sequence[Answered], config: LabelConfig, asked: Sequence[Question]
) -> dict[str, list[Vote]]:
    found: dict[str, list[Vote]] = {question.control: [] for question in asked}
    for row, task in enumerate(answered):
        for said in task.said:
            told = answers(said.result, config)
            for question in asked:
                answer = told.get(question.control)
                if answer is None and question.goal == "several":  # none of the labels
                    answer = Answer(control=question.control, kind="classes", value=())
                if answer is not None:
                    found[question.control].append(Vote(row, said.source, answer, said.is_gold))
    return found


def _learned(
    question: Question, votes: Sequence[Vote], rows: Rows, open_: Rows, before: Learned | None
) -> Skill:
    truth, weight = truths(question, votes, len(rows))
    there = np.flatnonzero(weight)
    if len(there) < 2:
        raise InvalidInputError(
            "there is nothing to learn yet",
            why=f"{len(there)} tasks are answered",
            fix="answer some tasks",
        )
    space = Space.of(rows.take(there))
    truth, weight = truth[there], weight[there]
    learned, held = learn(space, truth, weight, question.goal, before)
    if held is None:
        return Skill(question, learned, None, advise(None, len(there)))
    told = learned.told(truth)
    fair = _fair(learned, held, open_)
    learned = tempered(learned, held, told, weight * fair)
    curve = curve_of(space, told, weight, learned, held.scores, fair)
    quality = measured(learned, held.scores, told, weight * fair)
    return Skill(question, learned, quality, advise(curve, len(there)))


def _fair(learned: Learned, held: Held, open_: Rows) -> Floats:
    """What each answered row counts, so that together they stand for the open ones."""
    if learned.goal == "number" or not len(open_):  # nothing chose numbers by how sure they are
        return np.ones(len(held.scores))
    link = LINKS[learned.goal]
    before = sureness(activated(held.scores / learned.temperature, link), learned.goal)
    now = sureness(activated(learned.scores(open_), link), learned.goal)
    return fair_weights(before, now)
