"""What an audit finds: the values that `auditor.py` puts together, and reports show."""

import msgspec

__all__ = [
    "Action", "Annotator", "Asked", "Audit", "Class", "Confusion", "Doubt", "Likeness",
    "SeveralAudit", "Suspect",
]  # fmt: skip


class Suspect(msgspec.Struct, frozen=True):
    """A row whose label is likely wrong.

    Attributes:
        row: Which, counted from 0; of answers of several people, the item's first.
        label: The label that it has.
        likely: The label that it should likely have.
        chance: Probability that the label is wrong, by the model of errors.
        excerpt: The beginning of its text, or its values.
    """

    row: int
    label: str
    likely: str
    chance: float = 0.0
    excerpt: str = ""


class Class(msgspec.Struct, frozen=True):
    """A label.

    Attributes:
        label: Which.
        rows: How many rows have it.
        wrong: How many of these are wrong, estimated.
        missed: How many rows of other labels are really of this one, estimated.
        recall: Share of its rows that the predictions tell, of those that are not suspects.
    """

    label: str
    rows: int
    wrong: float
    missed: float = 0.0
    recall: float = 0.0


class Confusion(msgspec.Struct, frozen=True):
    """Two labels that are mixed up.

    Attributes:
        label: The label that is given.
        other: What it should be instead.
        rows: Rows of this kind, estimated.
        share: Their share of all rows with the label.
        ways: "one way" where the reverse is rare, else "both ways".
    """

    label: str
    other: str
    rows: float
    share: float
    ways: str


class Annotator(msgspec.Struct, frozen=True):
    """Who labelled, and the share of their labels that is right, with a 95 % interval."""

    name: str
    rows: int
    accuracy: float
    lower: float
    upper: float


class Likeness(msgspec.Struct, frozen=True):
    """Rows that are nearly the same although their labels, or their splits, differ.

    Attributes:
        rows: Which, at most ten, counted from 0.
        said: Their labels, or their splits.
        excerpt: The first one's text, or values.
    """

    rows: list[int]
    said: list[str]
    excerpt: str


class Action(msgspec.Struct, frozen=True):
    """Labels that would help.

    Attributes:
        kind: gold, relabel, second, new, settle or split.
        what: Which ones, in words.
        labels: How many.
        effect: What they would do, with an interval where one can be given.
        cost: What they cost, where the cost of a label was given.
    """

    kind: str
    what: str
    labels: int
    effect: str
    cost: float | None = None


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit found.

    Attributes:
        rows: Rows with a label; of answers of several people, items.
        accuracy: Estimated share of right labels.
        lower: Lower end of its 95 % interval.
        upper: Upper end.
        basis: What the estimate rests on: gold labels, people, or predictions.
        classes: Each label, in order.
        suspects: Rows likely wrong, the surest first.
        annotators: Who labelled, the least accurate first.
        confusions: Labels that are mixed up, most rows first.
        contradictions: Rows that are nearly the same as another with another label.
        leaks: Rows that are nearly the same as one of another split.
        contradicting: Such rows, at most 100 groups.
        leaking: Likewise.
        ask: Rows to label by hand where predictions cannot tell.
        actions: What would help, what helps most first.
        enough: Whether it is good enough to train on.
        reasons: Why not, and what would help.
        notes: What could not be told, and why.
    """

    rows: int
    accuracy: float
    lower: float
    upper: float
    basis: str
    classes: list[Class]
    suspects: list[Suspect]
    annotators: list[Annotator] = []
    confusions: list[Confusion] = []
    contradictions: int = 0
    leaks: int = 0
    contradicting: list[Likeness] = []
    leaking: list[Likeness] = []
    ask: list[int] = []
    actions: list[Action] = []
    enough: bool
    reasons: list[str] = []
    notes: list[str] = []


class Asked(msgspec.Struct, frozen=True):
    """One class of labels of which an item has several.

    Attributes:
        label: Which.
        rows: How many rows have it.
        audit: Of the question whether a row has it; its labels are the class and "not" the class.
    """

    label: str
    rows: int
    audit: Audit


class Doubt(msgspec.Struct, frozen=True):
    """A class that a row likely has by mistake, or lacks by mistake.

    Attributes:
        row: Which, as in `Suspect`.
        label: The class.
        has: Whether the row has it; the likely truth is the opposite.
        chance: Probability that this is wrong, by the model of errors.
        excerpt: The beginning of its text, or its values.
    """

    row: int
    label: str
    has: bool
    chance: float = 0.0
    excerpt: str = ""


class SeveralAudit(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit of labels found of which an item has several.

    Attributes:
        rows: Rows with a list of labels.
        accuracy: Estimated share of right answers over all questions, one a row and class.
        lower: Mean of the lower ends of the classes' 95 % intervals.
        upper: Mean of the upper ends.
        basis: What the estimate rests on.
        questions: Each class, the most frequent first.
        suspects: Rows with a class too many or too few, the surest first.
        annotators: Who labelled, over all classes, the least accurate first.
        leaks: Rows that are nearly the same as one of another split.
        leaking: Such rows, at most 100 groups.
        enough: Whether every class is good enough to train on.
        reasons: Why not, and what would help, class by class.
        notes: What could not be told, and why.
    """

    rows: int
    accuracy: float
    lower: float
    upper: float
    basis: str
    questions: list[Asked]
    suspects: list[Doubt]
    annotators: list[Annotator] = []
    leaks: int = 0
    leaking: list[Likeness] = []
    enough: bool
    reasons: list[str] = []
    notes: list[str] = []
