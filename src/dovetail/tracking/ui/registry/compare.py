"""Versions side by side: what differs in parameters, metrics, signature, needs, tags and data."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy.engine import Connection
from starlette.requests import Request

from dovetail.tracking.backend import Backend
from dovetail.tracking.errors import InvalidParameterError
from dovetail.tracking.handlers import models as model_cases
from dovetail.tracking.handlers import versions as cases
from dovetail.tracking.previews.card import Field, ModelCard
from dovetail.tracking.ui.files import of_version
from dovetail.tracking.ui.registry.models import own_tags
from dovetail.tracking.ui.registry.telling import model_href, version_href
from dovetail.tracking.ui.registry.version import Behind, behind, card_of
from dovetail.wire.mlflow import GetModelVersion, GetRegisteredModel, ModelVersion

__all__ = ["ComparePage", "compare_page"]

MOST = 5
Values = Sequence[Mapping[str, str]]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One property in all versions; None where a version lacks it.

    Attributes:
        name: of the property.
        values: one for each version.
        differs: whether they are not all the same.
        change: last minus first, where both are numbers.
    """

    name: str
    values: list[str | None]
    differs: bool
    change: float | None = None


class Section(msgspec.Struct, frozen=True):
    """Properties of one kind."""

    title: str
    rows: list[Row]


class ComparePage(msgspec.Struct, frozen=True, kw_only=True):
    """The page `/tracking/models/{name}/compare`.

    Attributes:
        name: of the model.
        model: the address of the model's page.
        versions: that are compared.
        hrefs: the addresses of their pages.
        only: whether only what differs is shown.
        sections: what is compared.
        same: how many properties are the same.
    """

    name: str
    model: str
    versions: list[str]
    hrefs: list[str]
    only: bool
    sections: list[Section]
    same: int


def compare_page(b: Backend, c: Connection, request: Request) -> ComparePage:
    """Return versions side by side.

    Args:
        b: the surroundings of the use cases.
        c: where to read.
        request: `versions` are numbers, separated by commas or given several times; `only=1`
            leaves out what is the same.

    Raises:
        InvalidParameterError: there are fewer than two, or too many.
    """
    name = request.path_params["name"]
    model_cases.get(b, c, GetRegisteredModel(name))
    asked = ",".join(request.query_params.getlist("versions")).split(",")
    numbers = list(dict.fromkeys(one.strip() for one in asked if one.strip()))
    if not 2 <= len(numbers) <= MOST:
        raise InvalidParameterError(
            f"Between 2 and {MOST} versions can be compared, but {len(numbers)} were given. Name "
            "them as in ?versions=3,5."
        )
    versions = [cases.get(b, c, GetModelVersion(name, n)).model_version for n in numbers]
    cards = [card_of(b, of_version(c, name, n)) for n in numbers]
    only = request.query_params.get("only") == "1"
    found = _sections(versions, behind(c, versions), cards)
    rows = [row for section in found for row in section.rows]
    return ComparePage(
        name=name,
        model=model_href(name),
        versions=numbers,
        hrefs=[version_href(name, number) for number in numbers],
        only=only,
        sections=[_chosen(section, only) for section in found if section.rows],
        same=sum(not row.differs for row in rows),
    )


def _chosen(section: Section, only: bool) -> Section:
    return Section(section.title, [row for row in section.rows if row.differs or not only])


def _sections(
    versions: Sequence[ModelVersion], made: Sequence[Behind], cards: Sequence[ModelCard | None]
) -> list[Section]:
    metrics = [
        {f"{m.key} on {m.dataset}" if m.dataset else m.key: repr(m.value) for m in one.metrics}
        for one in made
    ]
    data = [
        {f"{d['name']} ({d['context'] or 'no context'})": str(d["digest"]) for d in one.datasets}
        for one in made
    ]
    return [
        Section(
            "Version", _rows([_facts(v, card) for v, card in zip(versions, cards, strict=True)])
        ),
        Section("Metrics", _rows(metrics, numeric=True)),
        Section("Parameters", _rows([{p.key: p.value for p in one.params} for one in made])),
        Section("Signature", _rows([_signature(card) for card in cards])),
        Section("Requirements", _rows([_requirements(card) for card in cards])),
        Section("Datasets", _rows(data)),
        Section("Tags", _rows([{t.key: t.value for t in own_tags(v.tags)} for v in versions])),
    ]


def _facts(version: ModelVersion, card: ModelCard | None) -> dict[str, str]:
    facts = {
        "Aliases": ", ".join(sorted(version.aliases)),
        "Stage": version.current_stage or "",
        "Status": version.status or "",
        "Description": version.description or "",
        "Flavours": ", ".join(one.name for one in card.flavours) if card else "",
    }
    facts |= {fact.name: fact.value for fact in card.facts} if card else {}
    return {name: value for name, value in facts.items() if value and name not in ("Model", "Made")}


def _signature(card: ModelCard | None) -> dict[str, str]:
    if card is None:
        return {}
    sides = (("input", card.inputs), ("output", card.outputs), ("parameter", card.params))
    return {f"{side} {one.name}": _typed(one) for side, fields in sides for one in fields}


def _typed(field: Field) -> str:
    return f"{field.type}, optional" if field.required is False else field.type


def _requirements(card: ModelCard | None) -> dict[str, str]:
    """Return what a model needs: each package and the rest of its line."""
    found = {}
    for line in card.requirements if card else ():
        ends = [i for mark in "=<>!~;[ " if (i := line.find(mark)) > 0]
        name = line[: min(ends)] if ends else line
        found[name] = line[len(name) :].strip() or "any"
    return found


def _rows(values: Values, *, numeric: bool = False) -> list[Row]:
    names = dict.fromkeys(name for one in values for name in one)
    return [_row(name, [one.get(name) for one in values], numeric) for name in names]


def _row(name: str, values: list[str | None], numeric: bool) -> Row:
    known: Iterable[str | None] = (values[0], values[-1])
    change = None
    if numeric and all(value not in (None, "None") for value in known):
        change = float(values[-1] or 0) - float(values[0] or 0)
    return Row(name=name, values=values, differs=len(set(values)) > 1, change=change)
