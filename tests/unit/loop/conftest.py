"""A small drifting world: tiny logistic models as versions, twins as joints, a loop over both."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from dovetail.loop import Examples, Joints, Loop, LoopSettings, LoopStore, make_deployer
from dovetail.testing import twins
from dovetail.wire import governance, mlflow, monitoring, open_inference, openlineage

MODEL = "flights"
FIRST = date(2024, 1, 1)
ROWS = 150
COLUMNS = ("wind", "rain", "delay")
SETTINGS = LoopSettings(
    model=MODEL, check_every=2, window=4, holdout=3, min_age=2, max_age=1000, horizon=30,
    cost=60.0, staleness=0.0, canary_days=2, probation=4,
)  # fmt: skip
SUNNY, RAINY = (1.5, -1.0, 0.5), (-1.0, 1.5, 0.5)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@dataclass
class World:
    """What is true on each day, as the coefficients of a logistic model."""

    truth: Callable[[int], tuple[float, float, float]] = lambda day: SUNNY
    gate: Callable[[int], str | None] = lambda day: None
    today: int = 0

    def of(self, day: date) -> tuple[float, float, float]:
        return self.truth((day - FIRST).days)


@dataclass
class Recipe:
    """Trains by looking up the truth of the last day that it may use."""

    world: World
    registry: twins.Registry
    keys: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[date, date]] = field(default_factory=list)

    def train(self, until: date, key: str) -> str:
        if key not in self.keys:
            model = np.array(self.world.of(until - timedelta(days=1))).tobytes()
            self.keys[key] = self.registry.add(MODEL, files={"model.lgb": model})
        return self.keys[key]

    def examples(self, start: date, end: date) -> Examples:
        self.asked.append((start, end))
        days = [start + timedelta(days=i) for i in range((end - start).days)]
        inputs, labels = [np.empty((0, 3))], [np.empty(0)]
        for day in days:
            random = np.random.default_rng(day.toordinal())
            rows = random.normal(size=(ROWS, 3)).astype(np.float32)
            inputs.append(rows)
            labels.append(random.random(ROWS) < sigmoid(rows @ np.array(self.world.of(day))))
        ordinals = np.repeat([day.toordinal() for day in days], ROWS).astype(np.int64)
        return Examples(
            columns=COLUMNS,
            inputs=np.concatenate(inputs).astype(np.float32),
            labels=np.concatenate(labels).astype(np.int8),
            days=ordinals,
            keys=np.array([str(i) for i in range(len(ordinals))]),
        )


class Circle:
    """The twins on one address, and loops over them that come and go."""

    def __init__(self, folder: Path, settings: LoopSettings = SETTINGS) -> None:
        self.folder, self.settings = folder, settings
        self.world = World()
        self.registry = twins.Registry()
        self.registry.gate = lambda model, version, alias: self.world.gate(self.world.today)
        self.serving = twins.InferenceServer(self.find)
        self.monitoring, self.governance = twins.Monitoring(), twins.Governance()
        self.recipe = Recipe(self.world, self.registry)
        self.url = ""

    def find(self, model: str, version: str) -> twins.Scores:
        weights = np.frombuffer(self.registry.files[f"{model}/{version}/model.lgb"])
        return lambda rows: sigmoid(rows @ weights)

    def joints(self, transport: httpx.BaseTransport | None = None) -> Joints:
        return Joints(
            registry=mlflow.Client(self.url, transport=transport),
            serving=open_inference.Client(self.url, transport=transport),
            monitoring=monitoring.Client(self.url, transport=transport),
            governance=governance.Client(self.url, transport=transport),
            lineage=openlineage.Client(self.url, transport=transport),
        )

    def store(self) -> LoopStore:
        return LoopStore(f"sqlite:///{self.folder}/loop.db?synchronous=normal", MODEL)

    def loop(self, joints: Joints, store: LoopStore) -> Loop:
        deployer = make_deployer(joints, MODEL, "", store.get("weights", {}))
        return Loop(self.settings, joints, deployer, self.recipe, store)

    def live(self, days: range) -> list[tuple[int, str, str | None]]:
        """Tick through days with a fresh loop; what happened, looks left out."""
        happened = []
        store = self.store()
        with self.joints() as joints:
            loop = self.loop(joints, store)
            loop.resume()
            for number in days:
                self.world.today = number
                for event in loop.tick(FIRST + timedelta(days=number)):
                    if event.kind != "looked":
                        happened.append((number, event.kind, event.version))
        store.close()
        return happened


@pytest.fixture
def circle(tmp_path: Path) -> Iterator[Circle]:
    made = Circle(tmp_path)
    with twins.serve(made.registry, made.serving, made.monitoring, made.governance) as server:
        made.url = server.url
        yield made


@pytest.fixture(scope="session")
def lives() -> SimpleNamespace:
    """Names that tests share."""
    return SimpleNamespace(
        MODEL=MODEL, FIRST=FIRST, COLUMNS=COLUMNS, SETTINGS=SETTINGS, SUNNY=SUNNY, RAINY=RAINY,
        sigmoid=sigmoid,
    )  # fmt: skip
