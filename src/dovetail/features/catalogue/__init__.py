"""Features found again: search, statistics, features that say the same, who uses what.

Serves the pages in `ui` and the commands in `cli_catalogue`; it reads definitions and a file of
statistics, and never the online store.
"""

from dovetail.features.catalogue.catalogue import Catalogue
from dovetail.features.catalogue.entry import Entry, entries, entry_of
from dovetail.features.catalogue.kept import ProfileFile, beside
from dovetail.features.catalogue.profile import FeatureProfile, Level, Profiles, profiled
from dovetail.features.catalogue.search import search
from dovetail.features.catalogue.twins import Twin, same_definitions, twins

__all__ = [
    "Catalogue",
    "Entry",
    "FeatureProfile",
    "Level",
    "ProfileFile",
    "Profiles",
    "Twin",
    "beside",
    "entries",
    "entry_of",
    "profiled",
    "same_definitions",
    "search",
    "twins",
]
