"""Rows of a reference as small codes: what is needed to learn how columns go together.

A cell is kept as the number of its bin, one byte: the values themselves are not. Half of the rows
kept are to learn from, the others are held out, and the bins come from rows that are not held out,
so that whatever is learnt is new to those.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
import numpy.typing as npt

from dovetail.monitoring.columns import Bins, ColumnProfile, Roles, Values
from dovetail.monitoring.numeric import Floats, normal_quantile

Codes = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float32]

ROWS = 2000
"""Most rows kept of each half."""
CELLS = 200_000
"""Most cells kept of each half, so that a wide table stays small."""
COLUMNS = 400
"""Most columns; of a wider table some at random."""
FEATURES = 400
DAY_ROWS = 4000
"""Most rows of a day, or of a part of it, that are looked at."""
_LEVELS = 8
_RARE = 0.01
_STILL = 1e-3
_SEED = 914


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """Some rows of a reference, coded.

    Attributes:
        columns: The columns kept.
        learnt: Codes of the rows to learn from, row by row, a byte each.
        held: Codes of the rows held out.
        learnt_seasons: The season of each row to learn from, a byte each.
        held_seasons: The season of each row held out.
    """

    columns: list[str]
    learnt: bytes
    held: bytes
    learnt_seasons: bytes
    held_seasons: bytes


def sketch(
    profiles: Sequence[ColumnProfile], columns: Mapping[str, Values], roles: Roles
) -> Sketch | None:
    """Keep some rows of a reference; None with a single column, where nothing goes together."""
    if len(profiles) < 2:
        return None
    random = np.random.default_rng(_SEED)
    chosen = np.arange(len(profiles))
    if len(profiles) > COLUMNS:
        chosen = np.sort(random.permutation(len(profiles))[:COLUMNS])
    kept = [profiles[j] for j in chosen.tolist()]
    sides = halves(roles, len(kept))
    coder = Coder(kept)
    learnt, held = (_coded(coder, columns, side).tobytes() for side in sides)
    seasons = [roles.seasons[side].astype(np.uint8).tobytes() for side in sides]
    return Sketch(
        columns=[p.name for p in kept],
        learnt=learnt,
        held=held,
        learnt_seasons=seasons[0],
        held_seasons=seasons[1],
    )


def halves(roles: Roles, columns: int) -> tuple[Bins, Bins]:
    """Which rows to learn from and which to hold out, whatever they hold.

    The rows that shaped the bins are learnt from, and of the others as many as make a half.
    """
    random = np.random.default_rng(_SEED)
    others = random.permutation(np.flatnonzero(~roles.shaping))
    order = np.r_[np.flatnonzero(roles.shaping), others]
    half = max(len(order) // 2, int(roles.shaping.sum()))
    most = max(1, min(ROWS, CELLS // columns))
    return random.permutation(order[:half])[:most], order[half : half + most]


def _coded(coder: "Coder", columns: Mapping[str, Values], at: Bins) -> Codes:
    chosen = {
        name: values[at] if isinstance(values, np.ndarray) else [values[i] for i in at.tolist()]
        for name, values in columns.items()
        if name in coder.at
    }
    return coder.codes(chosen, len(at))


class Coder:
    """Turns the bins of columns into codes.

    Args:
        profiles: Of the columns.
    """

    def __init__(self, profiles: Sequence[ColumnProfile]) -> None:
        self.profiles = list(profiles)
        self.tables = {p.name: _table(p) for p in profiles}
        self.at = {p.name: j for j, p in enumerate(profiles)}

    def codes(self, columns: Mapping[str, Values], rows: int) -> Codes:
        """The codes of rows, shape (rows, columns); a column that is not there is missing."""
        made = Coded(self, rows)
        for profile in self.profiles:
            if profile.name in columns:
                made.put(profile.name, profile.bins(columns[profile.name]))
        return made.codes


class Coded:
    """Rows as codes, a column at a time; of many rows some.

    Args:
        coder: What makes codes of bins.
        rows: How many rows there are.

    Attributes:
        codes: The rows, shape (rows, columns); a column that was not put is missing.
    """

    def __init__(self, coder: Coder, rows: int) -> None:
        self._coder, self._at = coder, some(rows)
        missing = [table[-1] for table in coder.tables.values()]
        self.codes: Codes = np.tile(np.array(missing, np.uint8), (min(rows, DAY_ROWS), 1))

    def put(self, name: str, bins: Bins) -> None:
        """Take a column; one that is not coded is let by."""
        if name in self._coder.at:
            kept = bins if self._at is None else bins[self._at]
            self.codes[:, self._coder.at[name]] = self._coder.tables[name][kept]


def some(rows: int) -> Bins | None:
    """Which of the rows of a day to look at, whatever they hold; None for all."""
    if rows <= DAY_ROWS:
        return None
    return np.sort(np.random.default_rng(rows).permutation(rows)[:DAY_ROWS])


def _table(profile: ColumnProfile) -> npt.NDArray[np.uint8]:
    """The code of each bin: that of evidence, of a category only the most frequent ones."""
    merge = np.asarray(profile.merge)
    last = int(merge[-1])
    if profile.kind == "category":
        known = min(_LEVELS, last - 1)
        merge = np.where(merge < known, merge, np.where(merge == last, known + 1, known))
    return merge.astype(np.uint8)


@dataclass(frozen=True)
class Encoding:
    """Codes as numbers of mean 0 and variance 1 on the rows to learn from.

    A number becomes the normal score of its bin's rank, so no outlier weighs; a level, and what is
    missing, becomes a column of zeros and ones.

    Attributes:
        tables: For each feature its column, and its value by code, shape (256,).
    """

    tables: list[tuple[int, Matrix]]

    @classmethod
    def fit(cls, coder: Coder, learnt: Codes) -> "Encoding":
        """Learn the scale of each feature."""
        scores, shares = [], []
        for j, profile in enumerate(coder.profiles):
            counts = np.bincount(learnt[:, j], minlength=256)
            missing = int(_table(profile)[-1])
            if profile.kind == "numeric":
                scores.append((j, _scores(counts, missing)))
                told = [missing]
            else:
                told = [*range(missing), missing]
            for code in told:
                if _RARE < counts[code] / len(learnt) < 1 - _RARE:
                    shares.append((j, np.eye(256)[code]))
        made = []
        for j, values in [*scores, *shares]:
            seen = values[learnt[:, j]]
            spread = float(seen.std())
            if spread > _STILL:
                made.append((j, ((values - seen.mean()) / spread).astype(np.float32)))
        return cls(made[:FEATURES])

    def encode(self, codes: Codes) -> Matrix:
        """The features of some rows, shape (rows, features)."""
        columns = [table[codes[:, j]] for j, table in self.tables]
        return np.stack(columns, axis=1) if columns else np.empty((len(codes), 0), np.float32)


def _scores(counts: Bins, missing: int) -> Floats:
    """The normal score of each code's middle rank; what is missing is in the middle."""
    known = counts.astype(np.float64)
    known[missing:] = 0
    total = max(1.0, known.sum())
    ranks = (np.cumsum(known) - known / 2 + 0.5) / (total + 1)
    scores = normal_quantile(ranks.clip(1e-6, 1 - 1e-6))
    scores[missing] = (scores * known).sum() / total
    return scores


class Learnt:
    """A sketch, read: the codes of both halves and the features made of them.

    Args:
        kept: The sketch.
        profiles: Of all columns of the reference.
    """

    def __init__(self, kept: Sketch, profiles: Sequence[ColumnProfile]) -> None:
        by_name = {p.name: p for p in profiles}
        self.coder = Coder([by_name[name] for name in kept.columns])
        self._kept = kept
        self.columns = kept.columns

    @cached_property
    def encoding(self) -> Encoding:
        """How codes become features."""
        return Encoding.fit(self.coder, self._codes(self._kept.learnt))

    @cached_property
    def rows(self) -> Matrix:
        """Features of the rows to learn from, shape (rows, features)."""
        return self.encoding.encode(self._codes(self._kept.learnt))

    @cached_property
    def seasons(self) -> Bins:
        """Their seasons."""
        return np.frombuffer(self._kept.learnt_seasons, np.uint8).astype(np.int64)

    @cached_property
    def held(self) -> Matrix:
        """Features of the rows held out, shape (rows, features)."""
        return self.encoding.encode(self._codes(self._kept.held))

    @cached_property
    def held_seasons(self) -> Bins:
        """Their seasons."""
        return np.frombuffer(self._kept.held_seasons, np.uint8).astype(np.int64)

    def _codes(self, data: bytes) -> Codes:
        return np.frombuffer(data, np.uint8).reshape(-1, len(self.columns))
