"""Features found again: search, statistics, features that say the same, who uses what.

Serves the pages in `ui` and the commands in `cli_catalogue`; it reads definitions, a file of
statistics, counts of lookups and the model registry, and never the online store.
"""

from dovetail.features.catalogue.catalogue import Catalogue
from dovetail.features.catalogue.entry import Entry, entries, entry_of
from dovetail.features.catalogue.kept import ProfileFile, beside
from dovetail.features.catalogue.models import Models, ModelUse
from dovetail.features.catalogue.profile import FeatureProfile, Level, Profiles, profiled
from dovetail.features.catalogue.search import search
from dovetail.features.catalogue.twins import Twin, same_definitions, twins
from dovetail.features.catalogue.unused import Unused, unused
from dovetail.features.catalogue.uses import Use, Used, UseStore

__all__ = [
    "Catalogue",
    "Entry",
    "FeatureProfile",
    "Level",
    "ModelUse",
    "Models",
    "ProfileFile",
    "Profiles",
    "Twin",
    "Unused",
    "Use",
    "UseStore",
    "Used",
    "beside",
    "entries",
    "entry_of",
    "profiled",
    "same_definitions",
    "search",
    "twins",
    "unused",
]
