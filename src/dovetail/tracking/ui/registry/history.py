"""The page of a model's history: who moved which alias when, and what was in force on a day."""

from urllib.parse import urlencode

from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking import paging
from dovetail.tracking.backend import Backend
from dovetail.tracking.handlers import history as cases
from dovetail.tracking.ui.registry import telling
from dovetail.web.charts import Event
from dovetail.wire.history import HistoryPage

__all__ = ["HistoryView", "history_page"]

TOPICS = ("alias", "stage", "version", "model")


class HistoryView(HistoryPage, frozen=True, kw_only=True):
    """What the page shows beside the history itself."""

    at: str
    topic: str
    subject: str

    @property
    def model_href(self) -> str:
        """Where the model's page is."""
        return telling.model_href(self.name)

    @property
    def told(self) -> list[Event]:
        """The changes of this page as a time line tells them, oldest first."""
        return [telling.told(self.name, one) for one in reversed(self.events)]

    @property
    def topics(self) -> tuple[str, ...]:
        """Of what there are histories."""
        return TOPICS


def history_page(b: Backend, c: Connection, request: Request) -> HistoryView:
    """Return the changes under a model's name, and the model as of an instant.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: `at` is an instant, `topic` and `subject` choose changes, `page` where to go on.
    """
    asked = request.query_params
    where = {key: value for key in ("topic", "subject") if (value := asked.get(key, "").strip())}
    at = asked.get("at", "").strip()
    offset = paging.offset_of(asked.get("page"))
    found = cases.page(b, c, request.path_params["name"], where, offset, at)
    kept = [(key, value) for key, value in asked.multi_items() if key != "page"]
    following = ""
    if found.next:
        following = "?" + urlencode([*kept, ("page", paging.token_of(int(found.next)))])
    values = {name: getattr(found, name) for name in found.__struct_fields__}
    return HistoryView(
        **{**values, "next": following},
        at=at,
        topic=where.get("topic", ""),
        subject=where.get("subject", ""),
    )
