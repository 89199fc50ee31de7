"""Which labels are given for which: counts of it, and probabilities drawn to what is usual.

`error_model.py` alternates between these and what each row really is. Few labels are wrong, and
fewer of each class, so a class's errors are drawn to what is usual: as many as in all classes, and
spread over the other classes. How much is what makes the counts likeliest (the evidence of a
beta-binomial, and of a Dirichlet-multinomial, Minka 2000). Where errors are spread that is a lot,
and where they go one way it is little; nobody has to say which.
"""

import numpy as np

from dovetail.labels.votes import Codes, Floats

__all__ = ["confident", "counted", "from_counts", "shrunken"]

_RATES = (2.0, 8.0, 32.0, 128.0)  # labels of a class that say that it is wrong as often as others
_SPREADS = (0.5, 2.0, 8.0, 30.0, 120.0)  # wrong labels that say that errors are spread
_LEAST, _MOST = 1e-4, 0.9
_START = 0.1


def confident(label: Codes, probability: Floats) -> Floats:
    """float[given, likely]: rows, as many of each given class as there are.

    Confident learning (Northcutt, Jiang and Chuang 2021): a row counts for the class whose
    probability is above what that class's own rows get on average.

    Args:
        label: int[rows], given labels.
        probability: float[rows, classes], out-of-sample predictions.
    """
    rows, classes = probability.shape
    given = np.bincount(label, minlength=classes)
    own = np.bincount(label, probability[np.arange(rows), label], classes)
    level = np.where(given > 0, own / np.maximum(given, 1), 1.0)
    above = probability >= level - 1e-9
    likely = np.where(above, probability, -1.0).argmax(1)
    place = (label * classes + likely)[above.any(1)]
    found = np.bincount(place, minlength=classes**2).reshape(classes, classes).astype(float)
    found[np.diag_indices(classes)] += 1e-9
    joint: Floats = found / found.sum(1, keepdims=True) * given[:, None]
    return joint


def counted(label: Codes, truth: Floats) -> Floats:
    """float[given, true]: expected rows.

    Args:
        label: int[rows], given labels; fastest where they are in order.
        truth: float[rows, classes], probability of each right label.
    """
    classes = truth.shape[1]
    found = np.zeros((classes, classes))
    if (np.diff(label) < 0).any():
        order = np.argsort(label.astype(np.uint16) if classes < 1 << 16 else label, kind="stable")
        label, truth = label[order], truth.take(order, 0)
    begins = np.flatnonzero(np.diff(label, prepend=-1))
    if len(begins):
        found[label[begins]] = np.add.reduceat(truth, begins, axis=0)
    return found


def from_counts(joint: Floats, share: float) -> Floats:
    """float[true, given]: probabilities of labels, none of them nought.

    Args:
        joint: float[given, true], rows.
        share: Of even errors that are mixed in.
    """
    true = joint.sum(0)
    plain = np.where(
        true[:, None] > 0, joint.T / np.maximum(true, 1e-9)[:, None], np.eye(len(joint))
    )
    even = np.where(np.eye(len(joint), dtype=bool), 1 - _START, _START * _evenly(len(joint)))
    mixed: Floats = (1 - share) * plain + share * even
    mixed /= mixed.sum(1, keepdims=True)
    return mixed


def shrunken(joint: Floats, before: Floats) -> tuple[Floats, float]:
    """Probabilities of labels by counts, drawn to what is usual.

    Args:
        joint: float[given, true], expected rows.
        before: float[true, given], probabilities that these were found with.

    Returns:
        float[true, given], and the logarithm of what speaks for the ones before.
    """
    own, evenly = np.eye(len(joint), dtype=bool), _evenly(len(joint))
    off = np.where(own, 0.0, joint.T)
    rows, wrong = joint.sum(0), off.sum(1)
    usual = min(max(float(wrong.sum()) / max(float(rows.sum()), 1e-9), _LEAST), _MOST)
    drawn, weight = _rate_weight(rows, wrong, usual), _target_weight(off, wrong)
    rate = (wrong + drawn * usual) / (rows + drawn)
    target = (off + weight * evenly) / (wrong + weight)[:, None]
    found = np.where(own, (1 - rate)[:, None], rate[:, None] * target)
    was = 1 - np.diag(before)
    told = drawn * (usual * np.log(was / usual) + (1 - usual) * np.log((1 - was) / (1 - usual)))
    if len(joint) > 2:  # of two, errors have but one way to go
        went = np.where(own, 1.0, before / was[:, None] / np.where(own, 1.0, evenly))
        told = told + weight * (evenly * np.log(went)).sum(1)
    return found, float(told.sum())


def _evenly(classes: int) -> Floats:
    """float[true, given]: where errors go when they are spread."""
    return (1 - np.eye(classes)) / max(classes - 1, 1)


def _rate_weight(rows: Floats, wrong: Floats, usual: float) -> float:
    """The weight of the usual rate of errors under which the counts of errors are likeliest."""
    told = []
    for weight in _RATES:
        ends = np.array([weight * usual, weight * (1 - usual), weight])
        start = _log_gamma(ends) @ [1, 1, -1]
        each = _log_gamma(ends[0] + wrong) + _log_gamma(ends[1] + rows - wrong)
        told.append(float((each - _log_gamma(weight + rows) - start).sum()))
    return _RATES[int(np.argmax(told))]


def _target_weight(off: Floats, wrong: Floats) -> float:
    """The weight of spread errors under which the counts of errors are likeliest."""
    classes = len(off)
    if classes < 3:
        return _SPREADS[0]
    off = off[~np.eye(classes, dtype=bool)]
    off = off[off > _LEAST]
    told = []
    for weight in _SPREADS:
        each = np.array([weight / (classes - 1)])
        told.append(
            float((_log_gamma(np.array([weight])) - _log_gamma(weight + wrong)).sum())
            + float((_log_gamma(each + off) - _log_gamma(each)).sum())
        )
    return _SPREADS[int(np.argmax(told))]


def _log_gamma(x: Floats) -> Floats:
    """Logarithm of the gamma function of positive numbers: Stirling's series at x + 8."""
    above = x + 8
    below = x * (x + 1) * (x + 2) * (x + 3) * (x + 4) * (x + 5) * (x + 6) * (x + 7)
    series = 1 / (12 * above) - 1 / (360 * above**3)
    found: Floats = (above - 0.5) * np.log(above) - above + series - np.log(below)
    return found + 0.5 * float(np.log(2 * np.pi))
