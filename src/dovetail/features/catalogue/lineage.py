"""From the table behind a source to the models that use a feature, as a graph."""

from collections.abc import Mapping, Sequence

from dovetail.features.catalog import Definitions
from dovetail.features.catalogue.entry import Entry
from dovetail.features.catalogue.models import ModelUse
from dovetail.features.ondemand import OnDemandView
from dovetail.features.views import FeatureGroup, View
from dovetail.web.svg import Edge, Node

__all__ = ["Lineage", "lineage"]

Lineage = tuple[list[Node], list[Edge]]


def lineage(
    definitions: Definitions, features: Sequence[Entry], models: Mapping[str, Sequence[ModelUse]]
) -> Lineage:
    """Return where features come from and who uses them.

    Args:
        definitions: What is defined.
        features: Features, of one view or more.
        models: The models of services, by the name of the service.

    Returns:
        Nodes (tables, sources, views, services, models) and the edges between them.
    """
    nodes: dict[str, Node] = {}
    edges: dict[tuple[str, str], Edge] = {}

    def put(node: Node, *before: str) -> str:
        nodes.setdefault(node.id, node)
        for source in before:
            edges[source, node.id] = Edge(source, node.id)
        return node.id

    def add_view(view: FeatureGroup) -> str:
        before = []
        if isinstance(view, View):
            source = view.source
            table = [put(Node(f"t {source.path}", source.path, "table"))] if source.path else []
            before.append(put(Node(f"s {source.name}", source.name, "source", "info"), *table))
        elif isinstance(view, OnDemandView):
            before += [add_view(part.view) for part in view.selections]
        kind = "view" if isinstance(view, View) else "on-demand view"
        href = f"/features/views/{view.name}" if isinstance(view, View) else ""
        return put(Node(f"v {view.name}", view.name, kind, "info", href=href), *before)

    for entry in features:
        add_view(definitions.group(entry.view))
        for name in entry.services:
            takes = {part.view.name: part.view for part in definitions.service(name).selections}
            through = [
                view
                for view in takes.values()
                if view.name == entry.view
                or (isinstance(view, OnDemandView) and entry.view in _inputs(view))
            ]
            service = put(
                Node(f"x {name}", name, "service", "info"), *(add_view(view) for view in through)
            )
            for use in models.get(name, ()):
                put(Node(f"m {use.model}", use.model, use.said, "ok", href=use.href), service)
    return list(nodes.values()), list(edges.values())


def _inputs(view: OnDemandView) -> set[str]:
    return {part.view.name for part in view.selections}
