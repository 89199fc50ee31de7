"""All that the pages know of features beside what is online."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dovetail.features.catalog import Definitions
from dovetail.features.catalogue.entry import Entry, entries, entry_of
from dovetail.features.catalogue.kept import ProfileFile
from dovetail.features.catalogue.lineage import Lineage, lineage
from dovetail.features.catalogue.models import Models, ModelUse
from dovetail.features.catalogue.profile import Profiles
from dovetail.features.catalogue.search import search
from dovetail.features.catalogue.twins import same_definitions
from dovetail.features.catalogue.unused import Unused, unused
from dovetail.features.catalogue.uses import Used
from dovetail.features.errors import RowsError

__all__ = ["Catalogue"]


@dataclass
class Catalogue:
    """The catalogue of some definitions.

    Attributes:
        definitions: What is defined.
        file: Statistics that were computed; None where no file can hold any.
        models: Who uses a service.
        uses: Gives what was asked for; None where that is not counted.
    """

    definitions: Definitions
    file: ProfileFile | None = None
    models: Models = field(default_factory=Models)
    uses: Callable[[], Used] | None = None

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """The features."""
        return entries(self.definitions)

    @cached_property
    def defined_alike(self) -> tuple[tuple[str, ...], ...]:
        """Groups of features that are the same but for their names; see `same_definitions`."""
        return same_definitions(self.definitions)

    def found(self, words: str) -> list[Entry]:
        """Return the features in which all words occur, the best first."""
        return search(self.entries, words)

    def entry(self, view: str, feature: str) -> Entry:
        """Return one feature; see `entry_of`."""
        return entry_of(self.definitions, view, feature)

    def profiles(self) -> tuple[Profiles, str | None]:
        """Return the statistics that are kept, and why they cannot be read if so."""
        if self.file is None:
            return Profiles(), None
        try:
            return self.file.read(), None
        except RowsError as error:
            return Profiles(), str(error)

    def alike(self, feature: str) -> tuple[str, ...]:
        """Return the features that are defined as this one, `view:feature`, is."""
        groups = (group for group in self.defined_alike if feature in group)
        return tuple(other for group in groups for other in group if other != feature)

    def users(self, services: Iterable[str]) -> tuple[dict[str, list[ModelUse]], str | None]:
        """Return the models of services by name, and why the registry does not tell if so."""
        found, problem = {}, None
        for name in dict.fromkeys(services):
            found[name], said = self.models.of(self.definitions.service(name))
            problem = problem or said
        return found, problem

    def lineage(self, features: Sequence[Entry]) -> tuple[Lineage, str | None]:
        """Return where features come from and who uses them, and what is not known of that."""
        users, problem = self.users(name for entry in features for name in entry.services)
        return lineage(self.definitions, features, users), problem

    def used(self) -> Used | None:
        """Return what was asked for; None where that is not counted."""
        return self.uses().whole(self.definitions.services) if self.uses is not None else None

    def unused(self, now_us: int, span_us: int) -> tuple[Unused, ...]:
        """Return the features that nobody takes; see `unused`."""
        return unused(self.definitions, self.used(), now_us, span_us)
