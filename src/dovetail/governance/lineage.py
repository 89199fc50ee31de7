"""OpenLineage in: any producer's events become entries of the same record, kept whole."""

import msgspec

from dovetail.base.chain import Entry
from dovetail.base.errors import InvalidInputError
from dovetail.governance.handlers import Governance
from dovetail.wire import openlineage

__all__ = ["record_event"]


def record_event(governance: Governance, body: bytes, actor: str) -> Entry:
    """Append one OpenLineage event.

    Args:
        governance: whose record takes it.
        body: the event as JSON.
        actor: who sent it.

    Raises:
        InvalidInputError: it is not an OpenLineage event.
    """
    try:
        event = openlineage.decode(body)
    except openlineage.InvalidEvent as error:
        raise InvalidInputError("this is not an OpenLineage event", why=str(error)) from error
    about = event.dataset if isinstance(event, openlineage.DatasetEvent) else event.job
    return governance.record.append_once(
        actor=actor,
        kind="lineage",
        subject=f"{about.namespace}/{about.name}",
        body=msgspec.json.decode(body),
        at=None,
    )
