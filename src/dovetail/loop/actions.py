"""What the loop does to the other joints; each act may be repeated without harm."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from dovetail.base import telemetry
from dovetail.loop.deploy import Deployer
from dovetail.loop.joints import Joints
from dovetail.loop.recipe import Examples
from dovetail.loop.settings import LoopSettings
from dovetail.wire import governance, monitoring, openlineage
from dovetail.wire.http import NotFound, WireError
from dovetail.wire.mlflow.attachments import attach

__all__ = ["Actions"]

TRAINED_UNTIL = "dovetail.trained_until"
EFFECTIVE = "Dovetail-Effective"
REFERENCE_ROWS = 5000
PRODUCER = "https://dovetail.invalid/loop"
REGISTERED_WITHIN = timedelta(days=7)

log = telemetry.logger("loop")


class Actions:
    """Evidence, aliases, references and lineage.

    Args:
        settings: the model and its alias.
        joints: the protocol clients.
        deployer: gives the scores of a reference.
    """

    def __init__(self, settings: LoopSettings, joints: Joints, deployer: Deployer) -> None:
        self._settings, self._joints, self._deployer = settings, joints, deployer

    def give_evidence(
        self, version: str, kind: str, passed: bool, facts: dict[str, Any], day: date
    ) -> None:
        """Tell governance what a check found, and mark the version in the registry."""
        model = self._settings.model
        verdict: governance.Verdict = "pass" if passed else "fail"
        self._joints.registry.set_model_version_tag(model, version, f"dovetail.{kind}", verdict)
        if self._joints.governance is not None:
            at = datetime(day.year, day.month, day.day, tzinfo=UTC)
            evidence = governance.Evidence(
                model=model, version=version, kind=kind, verdict=verdict, facts=facts, at=at
            )
            self._joints.governance.put_evidence(evidence)

    def adoptable(self, day: date) -> tuple[str, date] | None:
        """Return the version that the alias names and the first day it was not trained on.

        The day is the tag `dovetail.trained_until`, or else the day of registration. A version
        that has seen days after `day`, as in a replay of the past, is left alone.
        """
        try:
            found = self._joints.registry.get_alias(self._settings.model, self._settings.alias)
        except NotFound:
            return None
        tag = next((tag.value for tag in found.tags if tag.key == TRAINED_UNTIL), None)
        if tag is not None:
            until, latest = date.fromisoformat(tag), day + timedelta(days=1)
        else:
            until = datetime.fromtimestamp((found.creation_timestamp or 0) / 1000, UTC).date()
            latest = day + REGISTERED_WITHIN
        if until > latest:
            log.warning("the champion has seen later days", version=found.version, until=str(until))
            return None
        return str(found.version), min(until, day + timedelta(days=1))

    def is_registered(self, version: str) -> bool:
        """Whether the registry has a version."""
        try:
            self._joints.registry.get_model_version(self._settings.model, version)
        except NotFound:
            return False
        return True

    def move_alias(self, version: str, effective: datetime) -> None:
        """Point the alias at a version, unless it does already.

        Args:
            version: the version.
            effective: from when it counts; differs from now in a replay.

        Raises:
            Refused: the gate is closed.
        """
        registry, settings = self._joints.registry, self._settings
        try:
            if str(registry.get_alias(settings.model, settings.alias).version) == version:
                return
        except NotFound:
            pass
        body = {"name": settings.model, "alias": settings.alias, "version": version}
        registry.send(
            "POST",
            "/api/2.0/mlflow/registered-models/alias",
            content=msgspec.json.encode(body),
            headers={"Content-Type": "application/json", EFFECTIVE: effective.isoformat()},
        )

    def live_figures(self, version: str, start: date, end: date) -> dict[str, Any]:
        """Return what monitoring saw of a version on live traffic; empty without monitoring."""
        if self._joints.monitoring is None:
            return {}
        figures = self._joints.monitoring.performance(
            self._settings.model, start=start, end=end, role="live", version=version
        )
        names = ("predictions", "outcomes", "auc", "log_loss")
        return {name: getattr(figures, name) for name in names}

    def set_reference(self, version: str, rows: Examples) -> None:
        """Give monitoring what the version was validated on, thinned evenly to 5,000 rows."""
        if self._joints.monitoring is None or len(rows) == 0:
            return
        step = -(-len(rows) // REFERENCE_ROWS)
        inputs, labels = rows.inputs[::step], rows.labels[::step]
        columns = {name: inputs[:, i] for i, name in enumerate(rows.columns)}
        reference = monitoring.Reference(
            version=version,
            features={
                name: [None if value != value else float(value) for value in column]
                for name, column in columns.items()
            },
            scores=[float(score) for score in self._deployer.score(version, inputs)],
            labels=[float(label) for label in labels],
        )
        kept = self._joints.monitoring.put_reference(self._settings.model, reference)
        self._keep_profile(version, kept.digest)

    def _keep_profile(self, version: str, digest: str) -> None:
        """Keep the reference's profile with the version, for whoever else watches the model."""
        model = self._settings.model
        try:
            if self._joints.monitoring is not None:
                body = self._joints.monitoring.profile(model, version)
                path = monitoring.profile_path(version, digest)
                tag = monitoring.PROFILE_TAG
                attach(self._joints.registry, model, version, path, body, tag=tag)
        except WireError as error:  # the version is watched all the same
            log.warning("the profile was not kept", version=version, error=str(error))

    def record_training(self, version: str, cycle: str, until: date) -> None:
        """Say in the registry, and to whoever keeps lineage, which data made which version."""
        model = self._settings.model
        self._joints.registry.set_model_version_tag(model, version, TRAINED_UNTIL, str(until))
        if self._joints.lineage is None:
            return
        event = openlineage.RunEvent(
            event_type="COMPLETE",
            event_time=datetime(until.year, until.month, until.day, tzinfo=UTC),
            producer=PRODUCER,
            run=openlineage.Run(run_id=_uuid(f"{cycle}/{version}")),
            job=openlineage.Job(namespace="dovetail", name=f"train {model}"),
            inputs=(openlineage.Dataset(namespace="dovetail", name=f"{model} until {until}"),),
            outputs=(openlineage.Dataset(namespace="models", name=f"{model}/{version}"),),
        )
        self._joints.lineage.emit(event)


def _uuid(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
