"""A light client for training scripts: logs to any MLflow server without waiting for it.

`run` is what a script calls; it writes records to a `journal` on disk, which a `sender` thread
hands to `delivery`. The server, ours or MLflow's own, sees plain MLflow REST.
"""

from dovetail.tracking.client.run import Run, resend, start_run
from dovetail.tracking.client.surroundings import connect

__all__ = ["Run", "connect", "resend", "start_run"]
