"""How a move ended: counts and checksums of both ends, and every difference by name."""

from collections.abc import Iterable, Mapping

import msgspec

from dovetail.tracking.move.checksum import Sum
from dovetail.web.commands import print_json, print_table

__all__ = ["Part", "Report", "show"]

ORDER = (
    *("experiments", "experiment tags", "runs", "params", "tags", "metrics", "dataset inputs"),
    *("model links", "logged models", "logged model params", "logged model tags"),
    *("traces", "trace tags", "trace metadata", "trace links", "spans"),
    *("logged model metrics", "registered models", "registered model tags", "versions"),
    *("version tags", "aliases", "artifacts", "artifact bytes"),
)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One experiment, or the registry, at both ends.

    Attributes:
        source: its id in the source; `registry` for the registry.
        target: its id in the target.
        name: its name in the target.
        sent: sums of what was read.
        found: sums of what is there now, read back.
    """

    source: str
    target: str
    name: str
    sent: dict[str, Sum]
    found: dict[str, Sum]

    @property
    def is_equal(self) -> bool:
        """Whether both ends agree."""
        return self.sent == self.found


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One move.

    Attributes:
        direction: `import` or `export`.
        source: the store that was read.
        target: the store that was written.
        equal: whether everything is there and nothing differs.
        resumed: whether the move went on where one was cut short.
        parts: experiments, then the registry.
        differences: what is not the same at both ends.
        skipped: what was not moved, with the reason.
        notes: what is elsewhere than it was.
        lost: what the target cannot keep.
    """

    direction: str
    source: str
    target: str
    equal: bool
    resumed: bool
    parts: tuple[Part, ...]
    differences: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


def totals(parts: Iterable[Mapping[str, Sum]]) -> dict[str, int]:
    """Return the counts by kind, in the order in which people read them."""
    counts: dict[str, int] = {}
    for part in parts:
        for kind, one in part.items():
            counts[kind] = counts.get(kind, 0) + one.count
    return {kind: counts[kind] for kind in ORDER if kind in counts}


FEW = 20


def show(report: Report, as_json: bool) -> None:
    """Print a report for people, or as one JSON document."""
    if as_json:
        print_json(report)
        return
    sent = totals(part.sent for part in report.parts)
    found = totals(part.found for part in report.parts)
    kinds = [kind for kind in ORDER if kind in sent or kind in found]
    rows = [(kind, sent.get(kind, 0), found.get(kind, 0)) for kind in kinds]
    print_table(("", "read", "there"), rows, title=f"{report.source} -> {report.target}")
    for title, texts in (
        ("Differs", report.differences),
        ("Not moved", report.skipped),
        ("Note", report.notes),
        ("Cannot be kept there", report.lost),
    ):
        for text in texts[:FEW]:
            print(f"{title}: {text}")
        if len(texts) > FEW:
            print(f"{title}: {len(texts) - FEW} more; --json names them all")
    same = sum(part.is_equal for part in report.parts)
    print(f"Checksums agree for {same} of {len(report.parts)} parts (experiments and registry).")
    print("Everything is there." if report.equal else "Not everything is there: see above.")
