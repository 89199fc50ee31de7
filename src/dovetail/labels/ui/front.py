"""The first page: which projects there are, and how far they are."""

from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from dovetail.labels.handlers import Handlers
from dovetail.web.pages import page_route

__all__ = ["front_routes"]

MOST = 500


def front_routes(handlers: Handlers) -> list[BaseRoute]:
    """Return the page and its JSON twin."""

    def front(_: Request) -> dict[str, Any]:
        """Projects, newest first."""
        total, found = handlers.projects.list(limit=MOST)
        rows = [
            {
                "id": one.id,
                "title": one.title,
                "tasks": one.task_number,
                "finished": one.finished_task_number,
                "annotations": one.total_annotations_number,
                "predictions": one.total_predictions_number,
            }
            for one in found
        ]
        return {"total": total, "projects": rows}

    return [*page_route("/labels", front, template="labels/front.html", title="Labels")]
