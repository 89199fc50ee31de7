"""One label for each control of each task, and how it was found.

Gold decides where there is some. Classes are combined over the whole project, by the model that
tells left-out answers best; numbers by their median; several labels at once by more than half;
texts, spans, boxes and orders by the answer that is closest to the others, since none of those can
be mixed.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

from dovetail.wire.label_studio.agreement import compare
from dovetail.wire.label_studio.answers import Answer, as_region
from dovetail.wire.label_studio.config import LabelConfig
from dovetail.wire.label_studio.tags import Control
from dovetail.wire.labels import ControlFacts, Label, Source, SourceFacts

if TYPE_CHECKING:
    from dovetail.labels.combining import Combined

__all__ = ["Said", "decide"]

_DIGITS = 6
_COMPARED = 8  # answers of one task that are held against each other


@dataclass(frozen=True)
class Said:
    """One answer to one control.

    Attributes:
        source: who, and when.
        answer: what.
        result: the regions that say it.
    """

    source: Source
    answer: Answer
    result: Sequence[Mapping[str, Any]]


@dataclass
class _Tally:
    how: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    agreements: list[float] = field(default_factory=list)


Answers = Mapping[int, Sequence[Said]]


def decide(
    control: Control, name: str, answers: Answers, config: LabelConfig, model: str = "auto"
) -> tuple[list[Label], ControlFacts]:
    """Decide on one control.

    Args:
        control: what was asked.
        name: of the control in the results; that of a repeated one carries its number.
        answers: by task, in the order of tasks.
        config: the label config.
        model: how classes are combined.

    Returns:
        A label for each task that was answered, in their order, and how they were found.

    Raises:
        InvalidInputError: there is no such model.
    """
    tally, labels = _Tally(), []
    combined = _combined(control, answers, model)
    chances = _chances(combined)
    for task, said in answers.items():
        label = _label(control, name, task, said, chances.get(task))
        labels.append(label)
        tally.how[label.how] += 1
        if label.label is not None and control.kind != "text":
            tally.labels[f"{label.label:g}" if isinstance(label.label, float) else label.label] += 1
        if label.agreement is not None:
            tally.agreements.append(label.agreement)
    facts = ControlFacts(
        control=name,
        how=dict(sorted(tally.how.items())),
        labels=dict(sorted(tally.labels.items())) if len(tally.labels) <= 1000 else {},
        model=combined.model if combined else "",
        agreement=round(fmean(tally.agreements), _DIGITS) if tally.agreements else None,
        sources=tuple(_worth(combined)),
    )
    return labels, facts


def _label(
    control: Control, name: str, task: int, said: Sequence[Said], chance: "_Chance | None"
) -> Label:
    gold = [one for one in said if one.source.ground_truth]
    chosen, how, probability = (gold[-1], "ground truth", 1.0) if gold else (said[0], "", None)
    value: str | float | None = _plain(chosen.answer)
    result = [dict(region) for region in chosen.result]
    if not gold and chance is not None:
        value, probability, how = chance.label, chance.probability, chance.model
        result = _result_of(control, said, value)
    elif not gold and len(said) == 1:
        how = "one answer"
    elif not gold and control.kind in ("number", "rating"):
        value, how = statistics.median_low([float(str(one.answer.value)) for one in said]), "median"
        result = _result_of(control, said, value)
    elif not gold and control.kind == "classes" and control.multiple and not control.per_region:
        taken = _more_than_half(said)
        value, how, result = " | ".join(taken), "more than half", [as_region(control, taken)]
    elif not gold:
        chosen, how = _closest(said, control), "closest to the others"
        value, result = _plain(chosen.answer), [dict(region) for region in chosen.result]
    return Label(
        task=task,
        control=name,
        kind=control.kind,
        label=value,
        result=result,
        how=how,
        probability=probability,
        agreement=_agreement(said, control),
        sources=tuple(one.source for one in said),
    )


def _plain(answer: Answer) -> str | float | None:
    if answer.kind in ("number", "rating") and isinstance(answer.value, float):
        return answer.value
    if answer.kind in ("text", "datetime") and isinstance(answer.value, str):
        return answer.value
    return answer.label


def _result_of(control: Control, said: Sequence[Said], value: str | float) -> list[dict[str, Any]]:
    """The regions of somebody who said it, word for word; else new ones."""
    for one in said:
        if _plain(one.answer) == value:
            return [dict(region) for region in one.result]
    return [as_region(control, value)]


def _more_than_half(said: Sequence[Said]) -> list[str]:
    counts = Counter(label for one in said for label in one.answer.labels)
    return sorted(label for label, count in counts.items() if count * 2 > len(said))


def _closest(said: Sequence[Said], control: Control) -> Said:
    some = said[:_COMPARED]
    near = [
        fmean(compare(one.answer, other.answer, control) for other in some if other is not one)
        for one in some
    ]
    return some[near.index(max(near))]


def _agreement(said: Sequence[Said], control: Control) -> float | None:
    some = said[:_COMPARED]
    if len(some) < 2:
        return None
    pairs = ((one, other) for place, one in enumerate(some) for other in some[place + 1 :])
    shares = (compare(one.answer, other.answer, control) for one, other in pairs)
    return round(fmean(shares), _DIGITS)


@dataclass(frozen=True)
class _Chance:
    label: str
    probability: float
    model: str


def _combined(control: Control, answers: Answers, model: str) -> "Combined | None":
    """Combine the classes that were said, where there is something to combine."""
    if not control.is_single or control.kind == "rating":  # of ratings the median is taken
        return None
    rows = [
        (task, f"{one.source.kind} {one.source.name}", one.answer.label)
        for task, said in answers.items()
        for one in said
    ]
    labels = {label for _, _, label in rows}
    if len(labels) < 2 or all(len(said) < 2 for said in answers.values()):
        return None
    from dovetail.base.extras import require

    require("numpy", extra="labels", feature="combining answers")
    from dovetail.labels.combining import combine

    items, sources, given = zip(*rows, strict=True)
    return combine(items, sources, given, model=model)


def _chances(combined: "Combined | None") -> dict[int, _Chance]:
    if combined is None:
        return {}
    facts: Iterable[tuple[Any, Any, Any]] = zip(
        combined.items, combined.labels, combined.confidence, strict=True
    )
    return {
        task: _Chance(label, round(float(sure), _DIGITS), combined.model)
        for task, label, sure in facts
    }


def _worth(combined: "Combined | None") -> Iterable[SourceFacts]:
    for one in combined.quality() if combined else ():
        yield SourceFacts(
            name=one.source,
            answers=one.answers,
            accuracy=round(one.accuracy, _DIGITS),
            lower=round(one.lower, _DIGITS),
            upper=round(one.upper, _DIGITS),
            weight=round(one.weight, _DIGITS),
        )
