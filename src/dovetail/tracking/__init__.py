"""Tracking: experiments, runs, models, versions, aliases and artifacts over MLflow's REST API."""

from dovetail.tracking.errors import TrackingError
from dovetail.tracking.piece import piece
from dovetail.tracking.settings import TrackingSettings

__all__ = ["TrackingError", "TrackingSettings", "piece"]
