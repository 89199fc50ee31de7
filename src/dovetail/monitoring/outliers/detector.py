"""Rows that are unlike the reference, one by one, at a rate of alarms that was asked for.

Half of the reference teaches the score, the other half says how large it is on rows that nothing
is wrong with. A new row's p-value is its place among those, so the share of alarms on unchanged
rows is the rate that was set, whatever the score and the distribution.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.base.errors import InvalidInputError
from dovetail.monitoring.classical.rows import Encoder, columns_of, fit_encoder, take
from dovetail.monitoring.errors import ReferenceInvalidError
from dovetail.monitoring.numeric import Floats
from dovetail.monitoring.outliers.forest import Forest
from dovetail.monitoring.outliers.mahalanobis import Mahalanobis
from dovetail.monitoring.outliers.neighbours import Neighbours

Method = Literal["mahalanobis", "forest", "neighbours", "disagreement"]
_CALIBRATING = 50_000
_NAMED = 3
_TOP = 1000


class _Packed(msgspec.Struct, frozen=True):
    """A detector as it is kept: moments, and the largest scores of the calibrating half."""

    alarm_rate: float
    encoder: bytes
    count: int
    mean: bytes
    scatter: bytes
    top: bytes
    calibrated: int


@dataclass(frozen=True)
class Scored:
    """What was found of some rows.

    Attributes:
        scores: float64 [n], larger is stranger; comparable within one detector only.
        p: float64 [n], the share of unchanged rows that are at least as strange.
        flags: bool [n], the rows that alarm.
        why: For each flagged row, by its position, the columns that make it strange, the most
            telling first; empty where no single column does.
    """

    scores: Floats
    p: Floats
    flags: npt.NDArray[np.bool_]
    why: Mapping[int, tuple[str, ...]]


class Outliers:
    """Finds single rows that are unlike a reference.

    Args:
        reference: Columns by name, as `ClassicalTests` takes them, numbers and categories mixed.
        method: "mahalanobis" (cheapest; one cloud of numbers), "forest" (isolation forest; many
            clouds, many columns), "neighbours" (any shape, few columns) or "disagreement" (the
            adversarial-input score: the model's score is unlike that on similar rows).
        alarm_rate: Share of unchanged rows that may alarm, 1 in 1,000 unless said.
        outputs: The model's scores on the reference, for "disagreement" only.
        adapt: Take rows that were looked at into the running moments; for "mahalanobis" only. The
            rate holds still, but an intruder with patience can teach the detector his rows.
        seed: Seeds the halves, samples and trees.

    Raises:
        InvalidInputError: The method is none, or asks for what was not given.
        ReferenceInvalidError: The reference has too few rows for the rate.

    Example:
        >>> import numpy as np
        >>> r = np.random.default_rng(0)
        >>> x = r.normal(size=4000)
        >>> outliers = Outliers({"a": x, "b": x + 0.1 * r.normal(size=4000)})
        >>> found = outliers.update({"a": [0.3, 1.5], "b": [0.35, -1.5]})
        >>> found.flags.tolist()
        [False, True]
    """

    def __init__(
        self,
        reference: Any,
        *,
        method: Method = "mahalanobis",
        alarm_rate: float = 0.001,
        outputs: Sequence[float] | Floats | None = None,
        adapt: bool = False,
        seed: int = 0,
    ) -> None:
        if method not in get_args(Method):
            names = ", ".join(get_args(Method))
            raise InvalidInputError(f"there is no method '{method}'", fix=f"choose from {names}")
        if not 0 < alarm_rate < 1:
            raise InvalidInputError(f"an alarm rate of {alarm_rate} is not between 0 and 1")
        if adapt and method != "mahalanobis":
            raise InvalidInputError(f"'{method}' cannot adapt", fix="leave adapt out")
        if (outputs is not None) != (method == "disagreement"):
            raise InvalidInputError(
                "outputs go with the method 'disagreement', and with no other", fix="give both"
            )
        self.method, self.alarm_rate, self._adapt = method, alarm_rate, adapt
        columns = columns_of(reference)
        total = len(next(iter(columns.values()))) if columns else 0
        teaching, calibrating = self._halves(total, seed)
        self._encoder = fit_encoder(columns, teaching)
        rows = self._encoder.encode(columns, teaching)
        self._held = self._encoder.encode(columns, calibrating)
        known = None if outputs is None else _outputs(outputs, total)
        self._held_outputs = None if known is None else known[calibrating]
        self._learn(rows, None if known is None else known[teaching], seed)
        self._usual = self._sorted()
        self._calibrated = len(self._usual)
        self._waiting: list[Floats] = []

    @property
    def columns(self) -> list[str]:
        """The columns of the reference, in order."""
        return self._encoder.names

    @property
    def width(self) -> int:
        """Numbers that a row becomes: two a numeric column, one a frequent level and one more."""
        return self._encoder.width

    def update(self, rows: Any, outputs: Sequence[float] | Floats | None = None) -> Scored:
        """Score rows, one request or a million.

        Args:
            rows: Columns by name. A column of the reference that is not there counts as missing,
                others are ignored; texts where there were numbers count as missing too.
            outputs: The model's scores on them, for "disagreement".

        Raises:
            InvalidInputError: Outputs are needed, or are not one a row.
        """
        columns = columns_of(rows)
        encoded = self._encoder.encode(columns)
        if (outputs is None) == (self.method == "disagreement"):
            raise InvalidInputError("outputs go with the method 'disagreement', and with no other")
        said = None if outputs is None else _outputs(outputs, len(encoded))
        scores = self._score(encoded, said)
        above = len(self._usual) - np.searchsorted(self._usual, scores, side="left")
        p = (above + 1) / (self._calibrated + 1)
        flags = p <= self.alarm_rate
        why = self._explain(encoded, scores, np.flatnonzero(flags), said)
        if self._adapt and isinstance(self._model, Mahalanobis):
            self._take_in(self._model, encoded)
        return Scored(scores, p, flags, why)

    def pack(self) -> bytes:
        """The detector in a few kilobytes without any row; for "mahalanobis" that does not adapt.

        Raises:
            InvalidInputError: It is another, which cannot do without rows.
        """
        if not isinstance(self._model, Mahalanobis) or self._adapt:
            raise InvalidInputError("only 'mahalanobis' without adapt can be kept without rows")
        top = self._usual[-max(_TOP, int(self.alarm_rate * len(self._usual)) + 1) :]
        count, mean, scatter = self._model.pack()
        packed = _Packed(
            alarm_rate=self.alarm_rate,
            encoder=self._encoder.pack(),
            count=count,
            mean=mean,
            scatter=scatter,
            top=top.tobytes(),
            calibrated=self._calibrated,
        )
        return msgspec.msgpack.encode(packed)

    @classmethod
    def unpack(cls, data: bytes) -> "Outliers":
        """The inverse of `pack`; p-values beyond the largest thousand scores become coarse."""
        packed = msgspec.msgpack.decode(data, type=_Packed)
        made = cls.__new__(cls)
        made.method, made.alarm_rate, made._adapt = "mahalanobis", packed.alarm_rate, False
        made._encoder = Encoder.unpack(packed.encoder)
        made._model = Mahalanobis.unpack(packed.count, packed.mean, packed.scatter)
        made._usual = np.frombuffer(packed.top, np.float64)
        made._calibrated = packed.calibrated
        return made

    def _take_in(self, model: Mahalanobis, rows: Floats) -> None:
        """Merge rows once they are a hundredth of all: then the calibration is scored anew too."""
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) * 100 >= model.count:
            model.merge(np.vstack(self._waiting))
            self._waiting.clear()
            self._usual = self._sorted()

    def _halves(self, rows: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        least = 2 * int(np.ceil(1 / self.alarm_rate))
        if rows < least:
            raise ReferenceInvalidError(
                f"a reference of {rows} rows cannot hold a rate of {self.alarm_rate:g}",
                why="half of it calibrates, and 1 / rate of rows is the finest that it can tell",
                fix=f"give {least} rows or more, or a larger alarm_rate",
            )
        order = np.random.default_rng(seed).permutation(rows)
        calibrating = min(rows // 2, max(least // 2, _CALIBRATING))
        return np.sort(order[calibrating:]), np.sort(order[:calibrating])

    def _learn(self, rows: Floats, outputs: Floats | None, seed: int) -> None:
        self._model: Mahalanobis | Forest | Neighbours
        if self.method == "mahalanobis":
            self._model = Mahalanobis(rows)
        elif self.method == "forest":
            self._model = Forest(rows, seed)
        else:
            self._model = Neighbours(rows, outputs, seed)

    def _score(self, rows: Floats, outputs: Floats | None) -> Floats:
        if isinstance(self._model, Neighbours) and outputs is not None:
            return self._model.disagreement(rows, outputs)
        return self._model.score(rows)

    def _sorted(self) -> Floats:
        return np.sort(self._score(self._held, self._held_outputs))

    def _explain(
        self,
        rows: Floats,
        scores: Floats,
        flagged: npt.NDArray[np.int64],
        outputs: Floats | None,
    ) -> dict[int, tuple[str, ...]]:
        """The columns without which a flagged row would be less strange, most telling first."""
        if outputs is not None or not len(flagged):
            return {int(i): () for i in flagged}
        falls = []
        for _, part in self._encoder.parts:
            plain = rows[flagged].copy()
            plain[:, part] = self._encoder.middle[part]
            falls.append(scores[flagged] - self._model.score(plain))
        names = self._encoder.names
        return {
            int(i): _telling(names, np.array([fall[k] for fall in falls]))
            for k, i in enumerate(flagged)
        }


def _telling(names: Sequence[str], falls: Floats) -> tuple[str, ...]:
    order = np.argsort(-falls, kind="stable")[:_NAMED]
    least = max(0.0, 0.3 * float(falls[order[0]])) if len(order) else 0.0
    return tuple(names[i] for i in order if falls[i] > least)


def _outputs(values: Sequence[float] | Floats, rows: int) -> Floats:
    found = np.asarray(take(values, None), dtype=np.float64)
    if found.shape != (rows,):
        raise InvalidInputError(f"there are {found.size} outputs for {rows} rows")
    return found
