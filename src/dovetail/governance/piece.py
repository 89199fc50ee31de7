"""What the app mounts."""

import anyio.from_thread

from dovetail.base import telemetry
from dovetail.base.chain import Entry
from dovetail.governance.guard import (
    PREFIXES,
    Remote,
    SameApp,
    Upstream,
    mlflow_error,
    reading_paths,
)
from dovetail.governance.handlers import Governance
from dovetail.governance.routes import routes
from dovetail.governance.settings import GovernanceSettings
from dovetail.governance.store import Record
from dovetail.governance.ui.pages import page_routes
from dovetail.web.piece import Attention, Context, ErrorShape, Page, Piece, Service
from dovetail.web.problems import status_of
from dovetail.wire import mlflow
from dovetail.wire.http import NotFound

__all__ = ["piece"]

log = telemetry.logger("governance")


def build(context: Context, settings: GovernanceSettings) -> Service:
    """Open the record and put the guard in front of whatever fills the tracking joint."""
    record = Record(context.database_url("governance"), context.clock)
    governance = Governance(record, settings.gates)
    target = context.joint("tracking")
    upstream: Upstream = (
        Remote(context.connect("tracking")) if target.startswith("http") else SameApp()
    )

    def settle() -> None:
        """Find out what became of alias changes that were cut short."""
        pending = governance.unconfirmed()
        if not pending or target == "off":
            return
        with context.connect("tracking").open(mlflow.Client) as client:
            for intent in pending:
                done = _carried_out(client, intent)
                governance.confirm(intent, done=done, note="found out at the next start")
                log.warning("settled an alias change", subject=intent.subject, done=done)

    def stop() -> None:
        anyio.from_thread.run(upstream.close)
        record.close()

    return Service(
        routes=[*routes(governance, upstream), *page_routes(governance)],
        pages=[Page("/governance", "Governance")],
        errors=[ErrorShape(PREFIXES, lambda error: mlflow_error(error, status_of(error)))]
        if target != "embedded"
        else [],
        reads=reading_paths() if target != "embedded" else [],
        start=settle,
        stop=stop,
        attention=lambda: _attention(governance),
    )


def _carried_out(client: mlflow.Client, intent: Entry) -> bool:
    model, alias = intent.subject.rsplit("@", 1)
    try:
        current = client.get_alias(model, alias)
    except NotFound:
        return intent.body["version"] is None
    return bool(str(current.version) == intent.body["version"])


def _attention(governance: Governance) -> list[Attention]:
    """Refusals that nothing has answered since."""
    found = []
    refused = governance.record.entries(kind="alias.refused", limit=20)
    for subject in dict.fromkeys(entry.subject for entry in refused):
        newest = governance.record.entries(subject=subject, limit=1)[0]
        if newest.kind == "alias.refused":
            text = f"{subject}: version {newest.body['version']} was refused"
            why = "; ".join(newest.body["missing"])
            found.append(Attention("warn", f"{text}: {why}", f"/governance#entry-{newest.number}"))
    return found


piece = Piece(
    name="governance",
    title="Governance",
    job="who approved what on which evidence",
    joint="MLflow REST guard, OpenLineage",
    settings=GovernanceSettings,
    build=build,
)
