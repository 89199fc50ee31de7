"""What the pages of the registry show, as values: page and JSON twin are made from the same.

Times are milliseconds since 1970.
"""

from typing import Any

import msgspec

from dovetail.tracking.previews.card import ModelCard
from dovetail.tracking.ui.files import FilesView
from dovetail.tracking.ui.registry.telling import told
from dovetail.web.charts import Event
from dovetail.wire.history import HistoryEvent

__all__ = [
    "AliasLine",
    "Measure",
    "ModelPage",
    "ModelsPage",
    "Pair",
    "VersionLine",
    "VersionPage",
]


class Pair(msgspec.Struct, frozen=True):
    """A name and a value: a tag or a parameter."""

    key: str
    value: str


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A metric's newest value, and on which dataset it was measured where that is known."""

    key: str
    value: float | None
    step: int
    at: int
    dataset: str = ""


class AliasLine(msgspec.Struct, frozen=True, kw_only=True):
    """An alias, the version that it names, since when and by whom."""

    alias: str
    version: str
    href: str
    since: int | None = None
    actor: str | None = None


class ModelLine(msgspec.Struct, frozen=True, kw_only=True):
    """A model in the list."""

    name: str
    href: str
    aliases: list[AliasLine]
    newest: int | None
    newest_href: str
    tags: list[Pair]
    updated: int | None
    description: str


class ModelsPage(msgspec.Struct, frozen=True, kw_only=True):
    """The page `/tracking/models`.

    Attributes:
        ask: what was searched for: a part of a name, or a filter in MLflow's grammar.
        problem: why that cannot be used.
        models: a page of models.
        sort: by what they are ordered.
        next: the query string of the next page; empty if this is the last.
    """

    ask: str
    problem: str | None
    models: list[ModelLine]
    sort: Any
    next: str


class VersionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A version in the list of its model."""

    version: str
    href: str
    aliases: list[str]
    stage: str
    status: str
    created: int | None
    actor: str | None
    description: str
    source: str
    run: str
    run_href: str
    metrics: dict[str, float | None]
    tags: list[Pair]


class ModelPage(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one registered model.

    Attributes:
        name: of the model.
        href: the address of this page.
        description: what its owner says of it.
        created: when it was registered.
        updated: when it was changed last.
        tags: of the model.
        aliases: and which versions they name.
        versions: a page of versions, newest first.
        metrics: the metrics that most of their runs have.
        stages: whether a version on this page is in a stage.
        next: the query string of the next page; empty if this is the last.
        events: the newest changes, newest first.
        address: of this server, for commands to copy.
    """

    name: str
    href: str
    description: str
    created: int | None
    updated: int | None
    tags: list[Pair]
    aliases: list[AliasLine]
    versions: list[VersionLine]
    metrics: list[str]
    stages: bool
    next: str
    events: list[HistoryEvent]
    address: str

    @property
    def told(self) -> list[Event]:
        """The changes as sentences."""
        return [told(self.name, event) for event in self.events]


class VersionPage(msgspec.Struct, frozen=True, kw_only=True):
    """The page of one version.

    Attributes:
        name: of the model.
        version: its number.
        href: the address of this page.
        model: the address of the model's page.
        aliases: that name it.
        stage: in which it is.
        state: whether its files are there.
        state_message: why not.
        created: when it was registered.
        updated: when it was changed last.
        actor: who registered it, where that is known.
        description: what its owner says of it.
        source: the URI that it was registered from.
        run: the run that made it, with name and address; None if unknown.
        logged_model: the logged model that it is; None if it is none.
        tags: of the version.
        params: of its run and of its logged model.
        metrics: of its run and of its logged model.
        datasets: that its run read.
        card: what its folder says of it.
        files: what its folder holds.
        events: changes that concern it, newest first.
        loads: how to load it: by alias, by number.
        address: of this server, for commands to copy.
    """

    name: str
    version: str
    href: str
    model: str
    aliases: list[str]
    stage: str
    state: str
    state_message: str
    created: int | None
    updated: int | None
    actor: str | None
    description: str
    source: str
    run: Pair | None
    logged_model: Pair | None
    tags: list[Pair]
    params: list[Pair]
    metrics: list[Measure]
    datasets: list[dict[str, Any]]
    card: ModelCard | None
    files: FilesView
    events: list[HistoryEvent]
    loads: list[str]
    address: str

    @property
    def told(self) -> list[Event]:
        """The changes as sentences."""
        return [told(self.name, event) for event in self.events]
