"""All models on one page, those that need somebody first: read, never measured."""

from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request

from dovetail.monitoring.handlers import Monitoring
from dovetail.monitoring.standing import ORDERS
from dovetail.monitoring.standing_routes import number
from dovetail.web.sorting import Sort
from dovetail.wire.monitoring import Need, Standing, Standings

__all__ = ["Line", "Overview", "overview_page"]

_ROWS = 50
_SAYS: dict[Need, tuple[str, str]] = {
    "alarm": ("alarm", "alarm"),
    "warn": ("warning", "warn"),
    "seen": ("acknowledged", "info"),
    "none": ("quiet", "ok"),
}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A model on the page: how it stands, in a word and a level."""

    href: str
    says: str
    level: str
    standing: Standing


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows.

    Attributes:
        verdict: What all of it comes to, in a sentence.
        total: Models that fit the search.
        needs: How many of them need what.
        lines: Those on this page.
        search: What was asked for.
        first: The number of the first line, from 1.
        previous: Where the lines before are, "" for nowhere.
        next: Where the lines after are.
        sort: The order.
    """

    verdict: str
    total: int
    needs: dict[Need, int]
    lines: list[Line]
    search: str
    first: int
    previous: str
    next: str
    sort: Sort


def overview_page(monitoring: Monitoring, request: Request) -> Overview:
    """The page of one search, order and position."""
    search = request.query_params.get("search", "")
    sort = Sort.of(request, allowed=ORDERS, default="need")
    offset = number(request, "offset", 0, 10_000_000)
    order = f"-{sort.by}" if sort.descending else sort.by
    found = monitoring.standings.find(search=search, order=order, limit=_ROWS, offset=offset)
    after = offset + _ROWS
    return Overview(
        verdict=_verdict(found, search),
        total=found.total,
        needs=found.needs,
        lines=[_line(one) for one in found.models],
        search=search,
        first=offset + 1,
        previous=_at(request, max(0, offset - _ROWS)) if offset else "",
        next=_at(request, after) if after < found.total else "",
        sort=msgspec.structs.replace(
            sort, query=tuple(pair for pair in sort.query if pair[0] != "offset")
        ),
    )


def _verdict(found: Standings, search: str) -> str:
    total = found.total
    alarms, warns, seen = (found.needs.get(need, 0) for need in ("alarm", "warn", "seen"))
    whose = f"that fit “{search}”" if search else "watched"
    if not total:
        return f"No model {whose}." if search else ""
    models = "1 model is" if total == 1 else f"{total:,} models are"
    models = f"{models} {whose}" if not search else f"{total:,} models fit “{search}”"
    if not alarms + warns + seen:
        if found.unjudged == total:
            return f"{models}; none is judged yet."
        rest = f" {found.unjudged:,} not judged yet." if found.unjudged else ""
        return f"{models}; none needs anybody.{rest}"
    parts = [f"{alarms:,} with an open alarm"] if alarms else []
    parts += [f"{warns:,} with an open warning"] if warns else []
    parts += [f"{seen:,} acknowledged"] if seen else []
    quiet = total - alarms - warns - seen - found.unjudged
    parts += [f"{quiet:,} quiet"] if quiet else []
    parts += [f"{found.unjudged:,} not judged yet"] if found.unjudged else []
    return f"{models}: {', '.join(parts)}."


def _line(one: Standing) -> Line:
    says, level = _SAYS[one.need]
    if one.need == "none" and one.evidence is None:
        says, level = "not judged yet", "idle"
    more = f": {', '.join(one.kinds)}" if one.kinds else ""
    href = f"/monitoring/{quote(one.model, safe='')}"
    return Line(href=href, says=says + more, level=level, standing=one)


def _at(request: Request, offset: int) -> str:
    rest = [pair for pair in request.query_params.multi_items() if pair[0] != "offset"]
    return "?" + urlencode([*rest, *([("offset", str(offset))] if offset else [])])
