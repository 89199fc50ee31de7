"""What tests and notebooks use to run a piece or an app on a free port."""

from dovetail.web.alone import run_piece
from dovetail.web.serve import RunningApp, serve_in_thread

__all__ = ["RunningApp", "run_piece", "serve_in_thread"]
