"""What must be read of which views to answer a service, and what is computed of it.

Both sides answer by the same plan: `training` with columns, `handlers` with rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dovetail.features.errors import DefinitionError
from dovetail.features.ondemand import OnDemandView
from dovetail.features.views import Selection, View


@dataclass(frozen=True)
class Read:
    """Features that are read of one view.

    Attributes:
        view: The view.
        features: Their names.
    """

    view: View
    features: tuple[str, ...]


def reads(selections: Sequence[Selection]) -> tuple[Read, ...]:
    """Return what to read: each view once, with what is asked for and what others need.

    Args:
        selections: What a service takes.
    """
    views: dict[str, View] = {}
    wanted: dict[str, dict[str, None]] = {}

    def want(view: object, features: Sequence[str]) -> None:
        if not isinstance(view, View):
            raise DefinitionError(
                f"{getattr(view, 'name', view)!r} is no view that rows are read of",
                why="An on-demand view takes views of sources as inputs",
            )
        if views.setdefault(view.name, view) != view:
            raise DefinitionError(f"Two different views are called {view.name!r}")
        wanted.setdefault(view.name, {}).update(dict.fromkeys(features))

    for part in selections:
        if isinstance(part.view, OnDemandView):
            for needed in part.view.selections:
                used = [f for f in part.view.used if part.view.taken[f][0] == needed.view.name]
                want(needed.view, [part.view.taken[f][1] for f in used])
        else:
            want(part.view, part.features)
    return tuple(Read(views[name], tuple(features)) for name, features in wanted.items())
