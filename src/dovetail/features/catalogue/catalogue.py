"""All that the pages know of features beside what is online."""

from dataclasses import dataclass
from functools import cached_property

from dovetail.features.catalog import Definitions
from dovetail.features.catalogue.entry import Entry, entries, entry_of
from dovetail.features.catalogue.kept import ProfileFile
from dovetail.features.catalogue.profile import Profiles
from dovetail.features.catalogue.search import search
from dovetail.features.catalogue.twins import same_definitions
from dovetail.features.errors import RowsError

__all__ = ["Catalogue"]


@dataclass
class Catalogue:
    """The catalogue of some definitions.

    Attributes:
        definitions: What is defined.
        file: Statistics that were computed; None where no file can hold any.
    """

    definitions: Definitions
    file: ProfileFile | None = None

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
