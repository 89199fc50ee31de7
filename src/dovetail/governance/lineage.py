"""OpenLineage in: any producer's run events become entries of the same record."""

import msgspec

from dovetail.base.chain import Entry
from dovetail.base.errors import InvalidInputError
from dovetail.governance.handlers import Governance

__all__ = ["record_event"]


class _Named(msgspec.Struct):
    namespace: str
    name: str


class _Run(msgspec.Struct):
    runId: str


class _Event(msgspec.Struct):
    eventTime: str
    run: _Run
    job: _Named
    eventType: str = "OTHER"
    inputs: list[_Named] = []
    outputs: list[_Named] = []


def record_event(governance: Governance, body: bytes, actor: str) -> Entry:
    """Append one OpenLineage run event, kept whole.

    Args:
        governance: whose record takes it.
        body: the event as JSON, after the OpenLineage specification 2-0-2.
        actor: who sent it.

    Raises:
        InvalidInputError: it is not a run event.
    """
    try:
        event = msgspec.json.decode(body, type=_Event)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InvalidInputError("this is not an OpenLineage run event", why=str(error)) from error
    return governance.record.append_once(
        actor=actor,
        kind="lineage",
        subject=f"{event.job.namespace}/{event.job.name}",
        body=msgspec.json.decode(body),
        at=None,
    )
