"""Rows that are unlike the reference, each by itself."""

from msgspec import Struct


class Outlier(Struct, frozen=True, kw_only=True):
    """One row that is unlike the reference.

    Attributes:
        request_id: The request that it came in.
        row: Which row of it, from 0.
        p: Share of unchanged rows that are at least as strange.
        columns: The columns that make it strange, the most telling first.
    """

    request_id: str
    row: int
    p: float
    columns: tuple[str, ...]


class OutlierDay(Struct, frozen=True, kw_only=True):
    """The outliers of one version on one day.

    Attributes:
        day: The UTC day.
        version: The version that answered.
        rows: Rows with features that were looked at.
        flagged: How many of them are outliers.
        alarm_rate: The share that would be flagged if nothing had changed; None without a detector.
        why: Why there is no detector, else empty.
        outliers: The strangest of them, at most 1,000.
    """

    day: str
    version: str
    rows: int = 0
    flagged: int = 0
    alarm_rate: float | None = None
    why: str = ""
    outliers: list[Outlier] = []
