"""Keeping a store tidy: permanent deletion, retention rules, thinning, sizes, free space."""

from dovetail.tracking.tidy.desk import Tidy
from dovetail.tracking.tidy.keeper import Keeper

__all__ = ["Keeper", "Tidy"]
