"""The replay: asks about every flight when it is scheduled and tells what became of it.

Everything goes over the protocols: events are pushed to the feature server, features are looked
up, the inference server answers, outcomes go to the payload log's sink. Every request and event
has a name made of its content, so that doing an hour or a day again changes nothing.
"""

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt

from dovetail.app.demo.served import Served, ServedDay
from dovetail.app.demo.tap import Tap
from dovetail.app.demo.vectors import vectors
from dovetail.app.demo.workspace import MODEL
from dovetail.app.demo.world import Tick, World, shadow_name
from dovetail.base.errors import UnavailableError
from dovetail.loop.deploy import Deployer
from dovetail.loop.joints import Joints
from dovetail.loop.scoring import positive_scores
from dovetail.wire import feast, monitoring
from dovetail.wire.open_inference import InferenceRequest, InferenceResponse, from_array

__all__ = ["FIRST", "SOURCE", "Driver"]

FIRST = "1"
SOURCE = "/dovetail/demo"
SERVICE = "flights"
LOG_SECONDS = 10.0


class Driver:
    """Plays the year.

    Args:
        world: what happens.
        joints: serving and monitoring.
        features: the feature server.
        deployer: says which version to ask where the server does not split traffic.
        served: where the day's requests are kept.
    """

    def __init__(
        self,
        world: World,
        joints: Joints,
        features: feast.Client,
        deployer: Deployer,
        served: Served,
    ) -> None:
        self._world, self._features, self._served = world, features, served
        self._serving, self._monitoring = joints.serving, joints.monitoring
        self._deployer = deployer
        extensions = joints.serving.server_metadata().extensions
        self._logs_itself = "dovetail_payload_log" in extensions
        self._tap = Tap(self._monitoring, MODEL, SOURCE)
        self._binary = "binary_tensor_data" in extensions

    def ask(self, day: date) -> None:
        """Ask about every flight of a day, hour by hour, and keep what was served."""
        inputs, scores, versions = [], [], []
        for tick in self._world.ticks(day):
            for source, columns in tick.pushes.items():
                self._features.push(source, columns)
            rows = self._look_up(tick)
            wanted = self._deployer.route(tick.request_id)
            answer = self._infer(tick.request_id, tick.clock, "live", rows, wanted)
            inputs.append(rows)
            scores.append(positive_scores(answer, len(rows)))
            versions += [str(answer.model_version or wanted)] * len(rows)
        if inputs:
            day_served = ServedDay(
                np.concatenate(inputs), np.concatenate(scores), np.array(versions)
            )
            self._served.put(day, day_served)
        self._tap.flush()

    def ask_again(self, day: date) -> None:
        """Repeat a day's requests to the versions that answered them.

        What a server that was killed had not yet handed to the payload log gets there after all;
        what had got there is recognised by its name and not counted twice.
        """
        served = self._served.get(day)
        if served is None:
            return
        start = self._world.rows_of(day, day + timedelta(days=1)).start
        for tick in self._world.ticks(day):
            part = slice(tick.flights.start - start, tick.flights.stop - start)
            version = str(served.versions[part.start])
            self._infer(tick.request_id, tick.clock, "live", served.inputs[part], version)
        self._tap.flush()

    def settle(self, day: date) -> None:
        """Score the day with the first model as well, and tell which flights have landed."""
        served = self._served.get(day)
        if served is not None:
            self._shadow(day, served)
        self._tap.flush()
        if self._monitoring is None:
            return
        self._tell_outcomes(day)
        if served is not None:
            self._wait_for_log(self._monitoring, day, len(served.scores))
        self._monitoring.close_day(MODEL, day)

    def _wait_for_log(self, client: monitoring.Client, day: date, flights: int) -> None:
        """Wait until the payload log, which never delays an answer, has delivered the day.

        Raises:
            UnavailableError: a part of it is missing after some seconds; the day is asked again.
        """
        deadline = time.monotonic() + LOG_SECONDS
        while True:
            seen = client.performance(MODEL, start=day, end=day).predictions
            if seen >= flights:
                return
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"monitoring has {seen} of the {flights} predictions of {day}",
                    why="the payload log lost or still holds the others",
                )
            time.sleep(0.01)

    def _look_up(self, tick: Tick) -> npt.NDArray[np.float32]:
        answer = self._features.get_online_features(
            tick.keys, feature_service=SERVICE, full_feature_names=True, as_of=tick.at
        )
        return vectors(tick.known, answer.columns())

    def _infer(
        self,
        request_id: str,
        at: datetime,
        role: str,
        rows: npt.NDArray[np.float32],
        version: str | None,
    ) -> InferenceResponse:
        request = InferenceRequest(
            id=request_id,
            inputs=(from_array("input", rows, datatype="FP32", binary=self._binary),),
            parameters={"event_time": at.isoformat(), "role": role} if self._logs_itself else None,
        )
        answer = self._serving.infer(MODEL, request, version=version)
        if not self._logs_itself:
            self._tap.note(request, answer, at=at, role=role, version=version)
        return answer

    def _shadow(self, day: date, served: ServedDay) -> None:
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        self._infer(shadow_name(day), noon, "shadow", served.inputs, FIRST)

    def _tell_outcomes(self, day: date) -> None:
        landed = self._world.landed_on(day)
        if len(landed) == 0 or self._monitoring is None:
            return
        names: list[str] = []
        rows: list[int] = []
        values: list[float] = []
        for requests in (self._world.live_request, self._world.shadow_request):
            ids, positions = requests(landed)
            names += ids
            rows += positions
            values += self._world.labels[landed].astype(float).tolist()
        outcomes = monitoring.Outcomes(model=MODEL, request_ids=names, rows=rows, values=values)
        event = monitoring.outcome_event(
            f"outcomes-{day}", SOURCE, outcomes, time=self._world.end_of(day)
        )
        self._monitoring.send_events([event])


def days_between(first: date, last: date) -> Sequence[date]:
    """Return the days from `first` to `last`, both included."""
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]
