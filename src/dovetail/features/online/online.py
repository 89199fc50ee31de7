"""What every online store does, wherever it keeps its rows.

`engine` keeps them in this process and in a database of its own; `shared` in a store that several
servers have in common. `handlers`, `materialize` and the pages know only what is here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dovetail.base.clock import Clock
from dovetail.features.catalog import Definitions
from dovetail.features.errors import RowsError
from dovetail.features.moments import moment_text
from dovetail.features.online.batches import Batch
from dovetail.features.online.events import Columns, Event, events_of
from dovetail.features.online.intents import Intent
from dovetail.features.online.progress import Progress
from dovetail.features.online.rows import Found, Row, unpacked
from dovetail.features.store import Freshness
from dovetail.features.views import LatestView, View, WindowView

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Online", "check_kept", "reach_us"]


class Online(ABC):
    """The online store of some definitions.

    Args:
        definitions: What is defined.
        clock: What time it is.
    """

    def __init__(self, definitions: Definitions, clock: Clock) -> None:
        self.definitions, self.clock = definitions, clock

    @abstractmethod
    def load(self) -> None:
        """Get ready; called once, in a thread."""

    @property
    @abstractmethod
    def loaded(self) -> bool:
        """Whether questions can be answered."""

    @abstractmethod
    def wait(self) -> None:
        """Wait until the store is loaded, or raise UnavailableError."""

    @abstractmethod
    def problem(self) -> str | None:
        """Say why the store is not ready; None when it is."""

    @property
    @abstractmethod
    def is_queued(self) -> bool:
        """Whether `push` returns at once; otherwise it is called from a thread."""

    @property
    @abstractmethod
    def is_instant(self) -> bool:
        """Whether `look_up` answers at once, so that an event loop may call it."""

    @abstractmethod
    def look_up(
        self, asked: Sequence[tuple[str, Sequence[Any]]], as_of: int
    ) -> list[Sequence[Found]]:
        """Answer views for keys as of a moment.

        Args:
            asked: Views by name, each with its keys.
            as_of: The moment, in microseconds.

        Returns:
            For each view a row a key.

        Raises:
            RowsError: The moment is further back than what is kept.
            StoreLostError: The store does not answer.
        """

    @abstractmethod
    def take(self, source: str, events: Sequence[Event]) -> "Future[int]":
        """Take events of a source in; see `push`."""

    @abstractmethod
    def write(self, view: LatestView, events: Sequence[Event]) -> "Future[int]":
        """Take rows of one LatestView in, and of no other view of its source."""

    @abstractmethod
    def bring(self, view: LatestView, batch: Batch, progress: Progress) -> None:
        """Take rows from a table in, and how far they bring the view; returns when durable."""

    @abstractmethod
    def freshness(self) -> Mapping[str, Freshness]:
        """Return how far each source came."""

    @abstractmethod
    def progress(self) -> Mapping[str, Progress]:
        """Return how far materialising came, by view."""

    @abstractmethod
    def keep_progress(self, progress: Progress) -> None:
        """Remember how far materialising came."""

    @abstractmethod
    def materialized(self) -> Mapping[str, int]:
        """Return until when each view was materialised."""

    @abstractmethod
    def keep_materialized(self, view: str, until: int) -> None:
        """Remember until when a view was materialised."""

    @abstractmethod
    def forget_old(self) -> None:
        """Drop what no question within the kept span needs; called now and then."""

    @property
    @abstractmethod
    def is_alone(self) -> bool:
        """Whether no other server writes to the store."""

    @abstractmethod
    def intend(self, intent: Intent) -> None:
        """Write a push down before it is done."""

    @abstractmethod
    def settle(self, intent: Intent) -> None:
        """Strike out a push that is over."""

    @abstractmethod
    def intents(self) -> Sequence[Intent]:
        """Return the pushes that are not over."""

    @abstractmethod
    def known(self) -> Mapping[str, int]:
        """Return how many keys of each view are known."""

    @abstractmethod
    def sample(self, view: str) -> Mapping[str, Any]:
        """Return keys and features of some row of a LatestView; nothing where it has none."""

    @abstractmethod
    def close(self) -> None:
        """Finish writing and close the store."""

    def push(self, source: str, columns: Columns) -> "Future[int]":
        """Take rows of a source in, for every view of it.

        Args:
            source: Name of the source.
            columns: Values by column name.

        Returns:
            A future of how many rows were new, done once they are durable and answered for.

        Raises:
            SourceNotFoundError: There is no such source.
            RowsError: The rows do not fit; nothing is taken in.
        """
        found = self.definitions.source(source)
        return self.take(source, events_of(found, columns, self.columns_of(source)))

    def check(self, source: str, events: Sequence[Event]) -> None:
        """Refuse events that cannot be counted, before anything is done with them.

        Raises:
            RowsError: An event cannot be counted.
        """
        views = [v for v in self.definitions.views_of(source) if isinstance(v, WindowView)]
        for measure in dict.fromkeys(m for view in views for m in view.measures):
            for event in events:
                measure.of(event.row, event.rank)

    def columns_of(self, source: str) -> tuple[str, ...]:
        """Return the columns that the views of a source read."""
        views = self.definitions.views_of(source)
        return tuple(dict.fromkeys(c for view in views for c in view.columns))

    def rows(self, view: str, keys: Sequence[Any], as_of: int) -> list[Row]:
        """Answer one view for keys as of a moment; see `look_up`."""
        (found,) = self.look_up([(view, keys)], as_of)
        return [Row(unpacked(row[0]), row[1], row[2]) for row in found]


def reach_us(views: Sequence[View]) -> int:
    """Return how far back before a question the views of a source look."""
    windows = [v for v in views if isinstance(v, WindowView)]
    return max((v.reach_us for v in windows), default=0)


def check_kept(view: View, first: int, as_of: int) -> None:
    """Refuse a question about a time of which not all is kept.

    Args:
        view: What is asked.
        first: The first moment of which all is kept.
        as_of: The moment of the question.

    Raises:
        RowsError: The question is about an earlier moment.
    """
    if as_of < first:
        raise RowsError(
            f"View {view.name!r} cannot be asked as of {moment_text(as_of)}",
            why=f"The online store keeps what is needed from {moment_text(first)} on",
            fix="Build a training set from the source's table, or raise [features] keep",
        )
