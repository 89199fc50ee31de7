"""Pages of files: of runs, logged models and versions of registered models."""

from dovetail.tracking.ui.files.listing import FileLine, FilesView, files_view
from dovetail.tracking.ui.files.owners import Owner, of_model, of_run, of_version
from dovetail.tracking.ui.files.routes import file_routes

__all__ = [
    "FileLine",
    "FilesView",
    "Owner",
    "file_routes",
    "files_view",
    "of_model",
    "of_run",
    "of_version",
]
