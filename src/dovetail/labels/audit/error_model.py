"""How labels came about: what rows really are and which errors were made, fitted together.

Out-of-sample predictions tell which label a row was given, errors included, and mostly too surely
or not surely enough. First they are calibrated against the given labels. Then a row's right label
has the probability softmax(power * log p + shift), and errors depend on the right label alone
(Bekker and Goldberger 2016). Expectation-maximisation (Dempster, Laird and Rubin 1977) finds the
power, the shift and the errors under which the given labels are likeliest, so neither kind nor rate
of errors is chosen by hand (`confusions.py` counts them).

Predictions can be read in two ways. A stiff model, such as a linear one, cannot follow errors: it
becomes less sure. A flexible one learns them: its predictions are taken through the inverse of the
confusions first (forward correction, Patrini et al. 2017). Labels alone seldom say which it is,
and the wrong reading may see nothing, so both are fitted and their answers weighed by how likely
they make the labels; by a tenth of it, as both simplify (Grünwald and van Ommen 2017).
"""

from dataclasses import dataclass

import numpy as np

from dovetail.labels.audit.confusions import confident, counted, from_counts, shrunken
from dovetail.labels.votes import Codes, Floats, softmax

__all__ = ["ErrorModel", "fit_errors"]

_POWER, _POWERS = float(np.log(3.0)), 0.5  # mean and variance of the logarithm of the power
_SHIFTS = 1.0  # variance of each shift
_AMONG = 0.1  # of even errors in what the search starts from
_TEMPER = 0.1
_ROUNDS, _ENOUGH, _FEW = 60, 0.05, 5
_CALIBRATING, _STILL = 12, 0.01
_STEP = 0.7  # longest in one round
_SOME, _LEAST_ROWS = 20_000, 2_000
_CELLS = 2_000_000  # rows times classes that it is fitted on
_CHUNK = 400_000  # cells that stay near the processor
_LEAST = 1e-4


@dataclass(frozen=True)
class _Reading:
    """One way to read calibrated predictions.

    Attributes:
        unmixed: float[given, true], what predictions are multiplied by, where they follow errors.
        power: What their logarithms are multiplied by.
        shift: float[classes], what is added.
        confused: float[true, given], probability of each label by the right one.
        score: Logarithm of how likely the labels are, by it.
    """

    unmixed: Floats | None
    power: float
    shift: Floats
    confused: Floats
    score: float

    def truth(self, label: Codes, sure: Floats) -> Floats:
        """float[rows, classes]: probability of each right label, by calibrated predictions."""
        logs = _read(sure, self.unmixed)
        logs *= sure.dtype.type(self.power)
        logs += self.shift.astype(sure.dtype)
        found = softmax(logs)
        found *= self.confused.T.astype(sure.dtype).take(label, 0)
        found /= found.sum(1, keepdims=True)
        return found


@dataclass(frozen=True)
class ErrorModel:
    """A model of how labels came about.

    Attributes:
        power: What logarithms of predictions are multiplied by to calibrate them.
        shift: float[classes], what is added to them.
        stiff: How the labels came about if predictions do not follow errors.
        flexible: How, if they do.
        weight: Of the second of these.
    """

    power: float
    shift: Floats
    stiff: _Reading
    flexible: _Reading
    weight: float

    @property
    def confused(self) -> Floats:
        """float[true, given]: probability of each label by the right one."""
        one, other = self.stiff.confused, self.flexible.confused
        return one + self.weight * (other - one)

    def truth(self, label: Codes, probability: Floats) -> Floats:
        """float[rows, classes]: probability of each right label.

        Args:
            label: int[rows], given labels.
            probability: float[rows, classes], out-of-sample predictions.
        """
        # Half the digits: a million rows are read at twice the speed, and nothing is lost.
        logs = _logs(probability.astype(np.float32))
        logs *= np.float32(self.power)
        logs += self.shift.astype(np.float32)
        sure = softmax(logs)
        found, other = self.stiff.truth(label, sure), self.flexible.truth(label, sure)
        other -= found
        other *= np.float32(self.weight)
        found += other
        return found

    def sums(self, label: Codes, probability: Floats) -> tuple[Floats, Floats]:
        """Probability that each label is right, and how many rows are which.

        Args:
            label: int[rows], given labels.
            probability: float[rows, classes], out-of-sample predictions.

        Returns:
            float[rows], and float[given, true].
        """
        rows, classes = probability.shape
        right, joint = np.empty(rows, np.float32), np.zeros((classes, classes))
        size = max(1, _CHUNK // classes)
        for at in range(0, rows, size):
            part = label[at : at + size]
            truth = self.truth(part, probability[at : at + size])
            right[at : at + size] = truth[np.arange(len(part)), part]
            joint += counted(part, truth)
        return right.astype(float), joint


def fit_errors(label: Codes, probability: Floats, joint: Floats | None = None) -> ErrorModel:
    """Fit the model to labels; to at most 20,000 of them.

    Args:
        label: int[rows], given labels; one or more.
        probability: float[rows, classes], out-of-sample predictions.
        joint: float[given, true], how many rows of each given class are which, where it is known;
            then errors are not fitted.
    """
    rows, classes = probability.shape
    if classes < 2:
        only = _Reading(None, 1.0, np.zeros(classes), np.ones((classes, classes)), 0.0)
        return ErrorModel(1.0, np.zeros(classes), only, only, 0.0)
    many = min(_SOME, max(_LEAST_ROWS, _CELLS // classes))
    if rows > many:
        some = np.random.default_rng(0).permutation(rows)[:many]
        label, probability = label[some], probability[some]
    order = np.argsort(label, kind="stable")
    label, logs = label[order], _logs(probability[order])
    power, shift = _calibrated(label, logs)
    sure = softmax(power * logs + shift)
    known = joint is not None
    joint = confident(label, sure) if joint is None else joint
    start = from_counts(joint, _LEAST if known else _AMONG)
    inverse: Floats = np.linalg.pinv(from_counts(joint, _LEAST)).astype(float)
    stiff = _climb(label, sure, _Reading(None, 2.0, np.zeros(classes), start, 0.0), known)
    flexible = _climb(label, sure, _Reading(inverse, 1.0, np.zeros(classes), start, 0.0), known)
    ahead = np.clip(_TEMPER * (flexible.score - stiff.score), -50, 50)
    return ErrorModel(power, shift, stiff, flexible, float(1 / (1 + np.exp(-ahead))))


def _calibrated(label: Codes, logs: Floats) -> tuple[float, Floats]:
    """The power and the shift that make predictions as sure as given labels say (Guo 2017)."""
    power, shift = 1.0, np.zeros(logs.shape[1])
    given = np.eye(len(shift))[label]
    for _ in range(_CALIBRATING):
        before = power
        power, shift = _newton(logs, softmax(power * logs + shift), given, power, shift, 0.0, 1.0)
        if abs(power - before) < _STILL * power:
            break
    return power, shift


def _climb(label: Codes, sure: Floats, start: _Reading, known: bool) -> _Reading:
    """Expectation-maximisation from a start; errors stay where they are known."""
    logs = _read(sure, start.unmixed)
    power, shift, confused, score = start.power, start.shift, start.confused, -np.inf
    for turn in range(_ROUNDS):
        clean = softmax(power * logs + shift)
        truth = clean * confused.T.take(label, 0)
        likely = truth.sum(1, keepdims=True)
        truth /= likely
        before, score = score, float(np.log(likely).sum()) + _prior(power, shift)
        if not known:
            confused, told = shrunken(counted(label, truth), confused)
            score += told
        if score - before < _ENOUGH and turn > _FEW:
            break
        power, shift = _newton(logs, clean, truth, power, shift)
    return _Reading(start.unmixed, power, shift, confused, score)


def _newton(
    logs: Floats, clean: Floats, truth: Floats, power: float, shift: Floats,
    mean: float = _POWER, spread: float = _POWERS,
) -> tuple[float, Floats]:  # fmt: skip
    """One step of Newton's method towards the power and the shift that tell the truth best."""
    classes = len(shift)
    missed, weighed = truth - clean, clean * logs
    usual = weighed.sum(1)
    slope = np.empty(classes + 1)
    slope[0] = power * float((missed * logs).sum()) - (np.log(power) - mean) / spread
    slope[1:] = missed.sum(0) - shift / _SHIFTS
    bend = np.empty((classes + 1, classes + 1))
    bend[0, 0] = power**2 * float((weighed * logs).sum() - usual @ usual) + 1 / spread
    bend[0, 1:] = bend[1:, 0] = power * (weighed.sum(0) - clean.T @ usual)
    bend[1:, 1:] = np.diag(clean.sum(0) + 1 / _SHIFTS) - clean.T @ clean
    step = np.linalg.solve(bend, slope)
    step *= min(1.0, _STEP / max(float(np.abs(step).max()), 1e-12))
    return power * float(np.exp(step[0])), shift + step[1:]


def _prior(power: float, shift: Floats) -> float:
    return -float((np.log(power) - _POWER) ** 2 / _POWERS + shift @ shift / _SHIFTS) / 2


def _read(sure: Floats, unmixed: Floats | None) -> Floats:
    return _logs(sure if unmixed is None else sure @ unmixed.astype(sure.dtype))


def _logs(probability: Floats) -> Floats:
    least = min(_LEAST, 0.01 / max(probability.shape[1], 1))
    logs: Floats = np.log(np.maximum(probability, probability.dtype.type(least)))
    return logs
