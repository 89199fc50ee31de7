"""Removing things for good, with their files: planned, confirmed, resumed after a crash."""

from dovetail.tracking.tidy.desk import Tidy

__all__ = ["Tidy"]
