"""The reference profile of a model version: what it was validated on, kept small.

It is what drift, estimated performance and loss evidence are measured against. A few kilobytes a
column, as JSON, whatever the number of rows; `profile()` is the file of it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring import scores as scoring
from dovetail.monitoring.calibration import Calibration
from dovetail.monitoring.columns import ColumnProfile, Roles, Values, profile, typed
from dovetail.monitoring.embedding import Embed
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.joint import Joint, joints
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.profile_file import read_file, write_file
from dovetail.monitoring.profile_scores import Scored, score_bins
from dovetail.monitoring.reference_classes import ClassParts, class_parts, numbered
from dovetail.monitoring.seasons import SEASONS, seasons_of, span_of
from dovetail.monitoring.sketch import Sketch, sketch
from dovetail.monitoring.views import View, check_views, expand, fit_views, gather, sources

PREDICTION = "(prediction)"
"""Name of the stream of scores among the columns."""

ERROR = "(error)"
"""Name of the stream of absolute errors of a regression."""
Task = Literal["binary", "multiclass", "regression"]
Column = Sequence[Any] | npt.NDArray[Any]


class Performance(msgspec.Struct, frozen=True):
    """How the version did on the reference."""

    auc: float | None
    log_loss: float
    brier: float
    positives: float | None = None


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What a model version was validated on.

    Attributes:
        version: The model version.
        model: The model's name, where it is known.
        rows: Rows of the sample.
        first: The first day of the sample, where its days are known.
        last: The last one.
        columns: Profiles of the features, in the order given.
        prediction: Profile of the scores, where they were given.
        loss: Profile of the log-losses (absolute errors of a regression), where labels were given.
        surprise: Profile of the log-losses beyond what the scores promise; likewise.
        performance: Realised figures on the reference.
        scored: Labelled rows by score, so that profiles can be merged.
        knots: Knots of the calibration from score to probability.
        heights: Probabilities at the knots.
        joints: Streams of columns together.
        views: How columns of vectors, texts and images became numeric ones.
        sketch: Some rows, coded, for a classifier to learn from; None where none were kept.
        season: Which days are compared with each other; one of `SEASONS`, "" for all.
        task: "binary" (labels of 0 and 1), "multiclass" or "regression" (labels are numbers).
        classes: Names of the classes, in the order of the probabilities.
        class_scored: For each class, labelled rows by its probability.
        digest: Identifies the content; a reference put twice is the same one.
    """

    version: str
    model: str = ""
    rows: int
    first: date | None = None
    last: date | None = None
    columns: list[ColumnProfile]
    prediction: ColumnProfile | None = None
    loss: ColumnProfile | None = None
    surprise: ColumnProfile | None = None
    performance: Performance | None = None
    scored: Scored | None = None
    knots: list[float] = []
    heights: list[float] = []
    joints: list[Joint] = []
    views: list[View] = []
    sketch: Sketch | None = None
    season: str = ""
    task: Task = "binary"
    classes: list[str] = []
    class_scored: list[Scored] = []
    digest: str = ""

    @property
    def calibration(self) -> Calibration | None:
        """The map from score to probability, where labels were given."""
        if not self.knots:
            return None
        return Calibration(np.asarray(self.knots), np.asarray(self.heights))

    @property
    def streams(self) -> list[ColumnProfile]:
        """All single streams that drift is looked for in: the features, then the scores."""
        return [*self.columns, *([self.prediction] if self.prediction else [])]

    def gathered(self, columns: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns as they came in, with the vectors put together that came by component."""
        names = sources(self.views, [column.name for column in self.columns])
        return gather(self.views, names, columns)

    def budget(self, alpha: float) -> float:
        """The part of an alarm budget that drift, and likewise loss, may spend."""
        return alpha / 2 if self.loss else alpha

    @classmethod
    def fit(
        cls,
        features: Mapping[str, Column],
        *,
        scores: Column | None = None,
        labels: Column | None = None,
        version: str = "",
        model: str = "",
        season: str = "",
        days: Sequence[Any] = (),
        task: Task = "binary",
        classes: Sequence[str] = (),
        like: "Reference | None" = None,
        keep_rows: bool = True,
        embed: Mapping[str, Embed] | None = None,
    ) -> "Reference":
        """Summarise a sample.

        A random quarter of the rows, at most 1,000, shape the bins; all others calibrate.

        Args:
            features: The columns by name, all of one length. A column of vectors (an array
                [rows, size], or lists), of texts of several words, or of images (arrays of two or
                three dimensions) becomes several numeric ones; see `views.py`.
            scores: The model's scores on these rows.
            labels: What came true, 0 or 1 (any number for a regression), missing where unknown.
            version: The model version.
            model: The model's name.
            season: "weekday", "weekend" or "month" compares each day with days of its kind only.
            days: The date of every row; needed where there is a season.
            task: "binary", "multiclass" or "regression".
            classes: Names of the classes of "multiclass", whose scores are rows of probabilities
                and whose labels are names or positions; of "binary", names of 0 and 1.
            like: Another part's profile, whose bins, season and task to use; then all rows here
                calibrate, and the two profiles merge without any loss. It must have been made of
                other rows.
            keep_rows: Keep up to 4,000 rows, each cell as the number of its bin, so that a
                classifier can see changes of many columns together; the file has none of them.
            embed: For some columns a function that makes vectors of a list of values, or the URL
                of a served model that does: `http://host/v2/models/NAME`.

        Raises:
            ReferenceInvalidError: There are no rows, lengths differ, labels lack scores, or days
                lack for a season.

        Example:
            >>> reference = Reference.fit({"age": [31, 45, 28, 60]}, version="3")
            >>> reference.rows, reference.columns[0].mean
            (4, 41.0)
        """
        rows = _rows(features, scores, labels)
        if like is not None:
            season, task, classes = like.season, like.task, like.classes
        roles = _roles(rows, season, days, like)
        first, last = span_of(days)
        views = fit_views(features, roles.shaping, embed) if like is None else like.views
        columns = {n: typed(values) for n, values in expand(views, features, embed).items()}
        profiles = _profiles(columns, roles, like)
        made = cls(
            version=version,
            model=model,
            rows=rows,
            first=first,
            last=last,
            columns=profiles,
            views=views,
            sketch=sketch(profiles, columns, roles) if keep_rows and like is None else None,
            joints=joints(columns, roles, None if like is None else like.joints),
            season=season,
            task=task,
        )
        if classes:
            made = msgspec.structs.replace(made, classes=[str(name) for name in classes])
        if scores is not None:
            made = _with_scores(made, scores, labels, roles, like)
        return made.sealed()

    def sealed(self) -> "Reference":
        """The same with the digest of its content, but for the rows kept: its file has none."""
        bare = msgspec.structs.replace(self, digest="", sketch=None)
        digest = hashlib.sha256(msgspec.json.encode(bare)).hexdigest()
        return msgspec.structs.replace(self, digest=digest)

    def profile(self) -> bytes:
        """The profile as a file: JSON, a few kilobytes a column, without any row."""
        return write_file(msgspec.to_builtins(msgspec.structs.replace(self, sketch=None)))

    @classmethod
    def from_profile(cls, data: bytes) -> "Reference":
        """Read the file of a profile, wherever it comes from.

        Raises:
            ReferenceInvalidError: It is no profile, a newer one than this version reads, or its
                parts do not fit together.
        """
        found = read_file(data, cls)
        check_views(found.views, [column.name for column in found.columns])
        return msgspec.structs.replace(found, sketch=None).sealed()

    def pack(self) -> bytes:
        """The profile as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def unpack(cls, data: bytes) -> "Reference":
        """The inverse of `pack`."""
        return msgspec.json.decode(data, type=cls)


def _rows(features: Mapping[str, Column], scores: Column | None, labels: Column | None) -> int:
    sizes = {f"feature '{name}'": len(values) for name, values in features.items()}
    sizes |= {n: len(v) for n, v in (("scores", scores), ("labels", labels)) if v is not None}
    if not sizes or 0 in sizes.values():
        raise ReferenceInvalidError("the reference has no rows", fix="give at least one column")
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} {size}" for name, size in list(sizes.items())[:6])
        raise ReferenceInvalidError("the reference's columns differ in length", why=said)
    if labels is not None and scores is None:
        raise ReferenceInvalidError("the reference has labels but no scores", fix="give both")
    return next(iter(sizes.values()))


def _floats(name: str, values: Column) -> Floats:
    try:
        column = typed(values)
    except (TypeError, ValueError) as error:
        raise ReferenceInvalidError(f"{name} are not numbers", why=str(error)) from error
    if isinstance(column, list):
        raise ReferenceInvalidError(
            f"{name} are not numbers",
            why="there are strings among them",
            fix="name the two classes, that of 0 first" if name == "labels" else "",
        )
    if column.ndim > 1:
        raise ReferenceInvalidError(
            f"{name} are several a row, not one",
            fix='use task "multiclass" for rows of probabilities',
        )
    return column


def _roles(rows: int, season: str, days: Sequence[Any], like: Reference | None) -> Roles:
    seasons = seasons_of(season, days, rows)
    if like is None:
        return Roles.draw(rows, seasons, SEASONS[season])
    return Roles.calibrate(rows, seasons, SEASONS[season])


def _profiles(
    columns: Mapping[str, Values], roles: Roles, like: Reference | None
) -> list[ColumnProfile]:
    """The profiles of the columns; like another's, in its order and of its columns."""
    if like is None:
        return [profile(name, values, roles) for name, values in columns.items()]
    nothing = np.full(len(roles.shaping), np.nan)
    return [profile(p.name, columns.get(p.name, nothing), roles, like=p) for p in like.columns]


def _with_classes(made: Reference, parts: ClassParts) -> Reference:
    made = msgspec.structs.replace(
        made, classes=list(parts.classes), prediction=parts.prediction, class_scored=parts.scored
    )
    if parts.loss is None:
        return made
    return msgspec.structs.replace(
        made,
        loss=parts.loss,
        surprise=parts.surprise,
        performance=Performance(auc=parts.auc, log_loss=parts.log_loss, brier=parts.brier),
    )


def _with_scores(
    made: Reference, scores: Column, labels: Column | None, roles: Roles, like: Reference | None
) -> Reference:
    if made.task == "multiclass":
        parts = class_parts(scores, labels, made.classes, roles, like, PREDICTION)
        return _with_classes(made, parts)
    numbers = _floats("scores", scores)
    before = None if like is None else like.prediction
    shown = profile(PREDICTION, numbers, roles, like=before)
    made = msgspec.structs.replace(made, prediction=shown)
    if labels is None:
        return made
    return _with_labels(
        made, numbers, _floats("labels", numbered(labels, made.classes)), roles, like
    )


def _with_labels(
    made: Reference, scores: Floats, labels: Floats, roles: Roles, like: Reference | None
) -> Reference:
    loss = None if like is None else like.loss
    surprise = None if like is None else like.surprise
    known = np.isfinite(scores) & np.isfinite(labels)
    scores, labels = scores[known], labels[known]
    roles = Roles(roles.shaping[known], roles.seasons[known], roles.count)
    if len(labels) == 0:
        return made
    if made.task == "regression":
        errors = np.abs(scores - labels)
        return msgspec.structs.replace(made, loss=profile(ERROR, errors, roles, like=loss))
    if not np.isin(labels, (0.0, 1.0)).all():
        raise ReferenceInvalidError(
            "labels must be 0 or 1",
            fix='give null where unknown, or task "regression" where the model predicts a number',
        )
    if scores.min() < 0 or scores.max() > 1:
        raise ReferenceInvalidError("scores must lie between 0 and 1 where labels are given")
    losses = scoring.log_losses(scores, labels)
    calibration = Calibration.fit(scores, labels)
    return msgspec.structs.replace(
        made,
        loss=profile("(loss)", losses, roles, like=loss),
        surprise=profile("(surprise)", scoring.surprises(scores, labels), roles, like=surprise),
        performance=Performance(
            auc=scoring.auc(scores, labels),
            log_loss=float(losses.mean()),
            brier=float(scoring.brier_losses(scores, labels).mean()),
            positives=float(labels.mean()),
        ),
        scored=score_bins(scores, labels),
        knots=calibration.scores.tolist(),
        heights=calibration.probabilities.tolist(),
    )
