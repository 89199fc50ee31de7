"""The use cases of labelling, free of any transport.

Other parts of the piece take part through three lists: `on_saved` and `on_changed` are told of what
is durable, `choosers` are asked which task comes next.
"""

from collections.abc import Callable

from dovetail.labels.backend import Asked, Backend, Changed, Saved
from dovetail.labels.handlers.annotations import Annotations
from dovetail.labels.handlers.choosing import Choosing
from dovetail.labels.handlers.converting import Converting
from dovetail.labels.handlers.drafts import Drafts
from dovetail.labels.handlers.exporting import Exporting
from dovetail.labels.handlers.importing import Importing
from dovetail.labels.handlers.predictions import Predictions
from dovetail.labels.handlers.projects import Projects
from dovetail.labels.handlers.queueing import Queueing
from dovetail.labels.handlers.tasks import Tasks
from dovetail.labels.handlers.uploads import Uploads
from dovetail.labels.handlers.users import Users

__all__ = ["Handlers"]


class Handlers:
    """All use cases.

    Args:
        backend: the surroundings.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.users = Users(backend)
        self.projects = Projects(backend, self.users)
        self.importing = Importing(backend, self.projects, self.users)
        self.tasks = Tasks(backend, self.projects, self.users, self.importing)
        self.annotations = Annotations(backend, self.users)
        self.predictions = Predictions(backend, self.users)
        self.drafts = Drafts(backend, self.users, self.annotations)
        self.choosing = Choosing(backend, self.projects, self.users)
        self.queueing = Queueing(backend, self.projects, self.choosing)
        self.exporting = Exporting(backend, self.projects)
        self.uploads = Uploads(backend, self.projects, self.importing)
        self.converting = Converting(backend, self.projects, self.exporting, self.uploads)

    @property
    def on_saved(self) -> list[Callable[[Saved], None]]:
        """Told of each annotation once it is durable."""
        return self.backend.on_saved

    @property
    def on_changed(self) -> list[Callable[[Changed], None]]:
        """Told of everything else once it is durable."""
        return self.backend.on_changed

    @property
    def choosers(self) -> list[Callable[[Asked], int | None]]:
        """Asked in turn which task is next."""
        return self.backend.choosers
