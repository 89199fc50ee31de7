"""What was found in a Feast repository, whichever way it was read."""

from dataclasses import dataclass, field

__all__ = ["FoundRepository", "FoundService", "FoundSource", "FoundView", "Lost"]


@dataclass(frozen=True)
class Lost:
    """Something that was not carried over.

    Attributes:
        what: What it is, for example "on-demand view 'x'".
        why: What a person does about it.
        text: Code of it that is worth having beside the definitions.
    """

    what: str
    why: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class FoundSource:
    """A data source.

    Attributes:
        name: Its name; pushes use it.
        path: File or folder; empty where there is none that can be read here.
        kind: `parquet`, `csv`, `delta` or `push`.
        event_time: Column of event times.
        created: Column of times of writing; empty where there is none.
    """

    name: str
    path: str = ""
    kind: str = "push"
    event_time: str = "event_timestamp"
    created: str = ""


@dataclass(frozen=True, kw_only=True)
class FoundView:
    """A feature view; `entities` are names with join keys."""

    name: str
    entities: tuple[tuple[str, str], ...]
    features: tuple[str, ...]
    ttl_us: int
    source: FoundSource
    description: str = ""
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class FoundService:
    """A feature service: features by view, in order."""

    name: str
    features: tuple[tuple[str, tuple[str, ...]], ...]
    description: str = ""


@dataclass(kw_only=True)
class FoundRepository:
    """All of a repository."""

    read_from: str
    views: list[FoundView] = field(default_factory=list)
    services: list[FoundService] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)

    def lose(self, what: str, why: str, text: str = "") -> None:
        """Note something that is not carried over, once."""
        if (one := Lost(what, why, text)) not in self.lost:
            self.lost.append(one)


def file_kind(path: str) -> str:
    """Tell what a file source reads, by its path."""
    lowered = path.lower().rstrip("/")
    if lowered.endswith((".csv", ".csv.gz", ".tsv")):
        return "csv"
    return "parquet" if lowered.endswith((".parquet", ".pq")) or "*" in lowered else "delta"
