"""Converters: a fitted model of some library to a compiled form, in the precision it computes in.

They read what was fitted and import none of the libraries. What a converter does not know, it
refuses with `NotConvertibleError`, which names it; the original then serves.
"""

from dovetail.serving.converters.conversion import Conversion
from dovetail.serving.converters.ensemble import Ensemble, Tree

__all__ = ["Conversion", "Ensemble", "Tree"]
