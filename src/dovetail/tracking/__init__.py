"""Tracking: experiments, runs, models, versions, aliases and artifacts over MLflow's REST API.

`start_run` is a light client for training scripts; importing it brings no server along. The server
is `dovetail.tracking.piece`.
"""

from dovetail.tracking.client import Run, connect, resend, start_run
from dovetail.tracking.errors import TrackingError
from dovetail.tracking.settings import TrackingSettings

__all__ = ["Run", "TrackingError", "TrackingSettings", "connect", "resend", "start_run"]
