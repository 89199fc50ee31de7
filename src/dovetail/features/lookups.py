"""How a kind of question is answered online, worked out once and used for every such question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dovetail.features.joining import labels
from dovetail.features.ondemand import OnDemandView
from dovetail.features.online.answers import Block
from dovetail.features.online.rows import NULL_VALUE, PRESENT, Found, Row, unpacked
from dovetail.features.planning import reads
from dovetail.features.views import Selection

__all__ = ["Computed", "Lookup", "lookup_of"]


@dataclass(frozen=True)
class Computed:
    """An on-demand view, computed of rows that were looked up.

    Attributes:
        view: The view.
        taken: The inputs that it uses: name, which of the views that were looked up, position.
    """

    view: OnDemandView
    taken: tuple[tuple[str, int, int], ...]

    def rows(
        self,
        found: Sequence[Sequence[Found]],
        entities: Mapping[str, Sequence[Any]],
        length: int,
        as_of: int,
    ) -> list[Row]:
        """Compute a row for each entity.

        Args:
            found: For each view that was looked up, a row an entity.
            entities: Columns of the question: join keys and request data.
            length: How many entities there are.
            as_of: When it is asked, in microseconds.

        Raises:
            RowsError: Request data is missing or does not fit.
        """
        view, rows = self.view, []
        for at in range(length):
            held = [(unpacked(rows_of[at][0]), rows_of[at][2]) for rows_of in found]
            row = {name: held[part][0][place] for name, part, place in self.taken}
            sent = {name: entities[name][at] for name in view.request if name in entities}
            row.update(view.requested(sent, as_of))
            values = tuple(view.row(row).values())
            statuses = tuple(NULL_VALUE if v is None else PRESENT for v in values)
            last = max((held[part][1] for _, part, _ in self.taken), default=0)
            rows.append(Row(values, statuses, last))
        return rows


@dataclass(frozen=True)
class Lookup:
    """A kind of question.

    Attributes:
        parts: Names of the views that are read, with their join keys.
        blocks: What is answered: one of the parts by its position, or what is computed, and
            the positions of the features that are asked for.
        keys: All join keys.
        names: What the features are called in the answer.
        views: The views, as Feast's metadata names them.
        asked: How often it was answered since that was last looked at: one number, counted up.
    """

    parts: tuple[tuple[str, tuple[str, ...]], ...]
    blocks: tuple[tuple[int | Computed, tuple[int, ...]], ...]
    keys: frozenset[str]
    names: list[str]
    views: list[dict[str, str]]
    asked: list[int] = field(default_factory=lambda: [0], compare=False)

    def answered(
        self,
        found: Sequence[Sequence[Found]],
        entities: Mapping[str, Sequence[Any]],
        length: int,
        as_of: int,
    ) -> list[Block]:
        """Return the blocks of an answer; see `Computed.rows`."""
        return [
            Block(
                found[of] if isinstance(of, int) else of.rows(found, entities, length, as_of),
                wanted,
            )
            for of, wanted in self.blocks
        ]


def lookup_of(selections: Sequence[Selection], full_feature_names: bool) -> Lookup:
    """Work out how to answer what is selected."""
    needed = reads(selections)
    place = {read.view.name: at for at, read in enumerate(needed)}
    blocks: list[tuple[int | Computed, tuple[int, ...]]] = []
    for part in selections:
        view = part.view
        wanted = tuple(view.feature_names.index(f) for f in part.features)
        if not isinstance(view, OnDemandView):
            blocks.append((place[view.name], wanted))
            continue
        taken = []
        for name in view.used:
            of, feature = view.taken[name]
            at = place[of]
            taken.append((name, at, needed[at].view.feature_names.index(feature)))
        blocks.append((Computed(view, tuple(taken)), wanted))
    return Lookup(
        parts=tuple((read.view.name, read.view.keys) for read in needed),
        blocks=tuple(blocks),
        keys=frozenset(k for read in needed for k in read.view.keys),
        names=labels(selections, full_feature_names),
        views=[{"name": part.view.name} for part in selections],
    )
