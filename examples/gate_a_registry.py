"""Put a gate in front of a registry: no champion without evidence, and a record of who did what.

The registry may be any MLflow server; here it is our tracking piece. Clients talk to the guard
instead of the registry and notice nothing, until an alias moves without what its gate asks for.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from dovetail import governance
from dovetail.tracking.piece import piece as tracking
from dovetail.web.testing import run_piece
from dovetail.wire import governance as governing
from dovetail.wire import mlflow
from dovetail.wire.http import Refused

GATE = governance.GateSettings(model="flights", alias="champion", evidence=("evaluation",))

with (
    tempfile.TemporaryDirectory() as folder,
    run_piece(tracking, state=Path(folder) / "registry") as registry,
    run_piece(
        governance.piece,
        governance.GovernanceSettings(gates=(GATE,)),
        state=Path(folder) / "guard",
        joints={"tracking": registry.url},
    ) as guard,
    mlflow.Client(guard.url) as client,
    governing.Client(guard.url) as governor,
):
    client.create_registered_model("flights")
    for version in ("1", "2"):
        client.create_model_version("flights", f"s3://models/flights/{version}")

    try:
        client.set_alias("flights", "champion", "1")
        raise AssertionError("the gate is open")
    except Refused as refused:
        print("refused:", refused.message)

    for version, auc in (("1", 0.70), ("2", 0.74)):
        governor.put_evidence(
            governing.Evidence(
                model="flights", version=version, kind="evaluation", verdict="pass",
                facts={"auc": auc},
            )
        )  # fmt: skip
    client.set_alias("flights", "champion", "1")
    between = datetime.now(UTC)
    client.set_alias("flights", "champion", "2")

    then = governor.alias_at("flights", "champion", between)
    now = governor.alias_at("flights", "champion")
    print(f"champion at {between:%H:%M:%S.%f}: version {then.version}; now: version {now.version}")
    for entry in governor.log():
        print(f"  {entry.number} {entry.at[:19]} {entry.kind:<15} {entry.subject} by {entry.actor}")
    assert (then.version, now.version) == ("1", "2")
    assert governor.verify().ok
