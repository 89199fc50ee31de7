"""Features that nobody takes: what may go."""

from dataclasses import dataclass

from dovetail.features.catalog import Definitions
from dovetail.features.catalogue.entry import Entry, entries
from dovetail.features.catalogue.uses import Used
from dovetail.features.moments import span_text

__all__ = ["Unused", "unused"]


@dataclass(frozen=True)
class Unused:
    """A feature that nobody takes.

    Attributes:
        entry: The feature.
        why: Why it is thought so.
    """

    entry: Entry
    why: str


def unused(
    definitions: Definitions, used: Used | None, now_us: int, span_us: int
) -> tuple[Unused, ...]:
    """Return the features that are in no service, or in services that nobody asks.

    A feature that was asked for by itself within the span is used. Where lookups are counted for a
    shorter time than the span, services are taken to be asked.

    Args:
        definitions: What is defined.
        used: What was asked for; None where that is not known.
        now_us: The time in microseconds.
        span_us: How long nobody may have asked, in microseconds.
    """
    first = now_us - span_us
    is_known = used is not None and 0 < used.since_us <= first
    used = used or Used()
    found = []
    for entry in entries(definitions):
        alone = used.features.get(entry.reference)
        if alone is not None and alone.last_us >= first:
            continue
        uses = [used.services.get(name) for name in entry.services]
        if not entry.services:
            found.append(Unused(entry, "in no service"))
        elif is_known and not any(use is not None and use.last_us >= first for use in uses):
            named = ", ".join(entry.services)
            how = f"for {span_text(span_us)}" if any(uses) else "ever, as far as is counted"
            found.append(Unused(entry, f"nobody asked {named} {how}"))
    return tuple(found)
