"""The loop learns from what people say: its recipe reads a labelling server.

People answer in a project of a Label Studio server, ours or theirs; the recipe reaches it through
the joint `labels`, combines the answers of several people, and trains on the result.
"""

import tempfile
from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import lightgbm
import numpy as np

from dovetail.base import telemetry
from dovetail.labels import combine
from dovetail.labels.piece import piece as labels
from dovetail.loop import Examples, Joints, Loop, LoopSettings, LoopStore, make_deployer
from dovetail.serving.piece import piece as serving
from dovetail.tracking.piece import piece as tracking
from dovetail.web.piece import Endpoint
from dovetail.web.testing import run_piece
from dovetail.wire import mlflow
from dovetail.wire.label_studio.client import Client as LabelStudio

MODEL, COLUMNS, PEOPLE = "comments", ("links", "capitals"), ("ann", "bob", "eve")
FIRST = date(2013, 4, 1)
CONFIG = """<View>
  <Text name="text" value="$text"/>
  <Choices name="kind" toName="text"><Choice value="spam"/><Choice value="ham"/></Choices>
</View>"""


def label(studio: LabelStudio) -> int:
    """Have three people label 400 comments, each wrong now and then; return the project."""
    project = studio.create_project("Comments", CONFIG)
    random, tasks = np.random.default_rng(0), []
    for number in range(400):
        links, capitals = random.normal(size=2).tolist()
        is_spam = 2 * links + capitals > 0
        said = ["spam" if is_spam != (random.random() < 0.15) else "ham" for _ in PEOPLE]
        result = {"from_name": "kind", "to_name": "text", "type": "choices"}
        answers = [
            {"result": [{**result, "value": {"choices": [one]}}], "meta": {"who": who}}
            for who, one in zip(PEOPLE, said, strict=True)
        ]
        day = FIRST + timedelta(days=number // 40)
        data = {"text": "...", "links": links, "capitals": capitals, "day": day.isoformat()}
        tasks.append({"data": data, "annotations": answers})
    studio.import_tasks(project.id, tasks)
    return project.id


class Recipe:
    """Trains on the labels of a project."""

    def __init__(self, joints: Joints, project: int) -> None:
        assert joints.labels is not None
        self.registry, self.labels, self.project = joints.registry, joints.labels, project

    def train(self, until: date, key: str) -> str:
        """Train, register, and return the version; asked again with a key, return the same."""
        for found in self.registry.search_model_versions(f"name='{MODEL}'"):
            if any(tag.key == "attempt" and tag.value == key for tag in found.tags):
                return found.version
        known = self.examples(FIRST, until)
        data = lightgbm.Dataset(known.inputs, known.labels, feature_name=list(COLUMNS))
        options = {"objective": "binary", "num_leaves": 7, "verbosity": -1, "num_threads": 1}
        booster = lightgbm.train(options, data, 30)
        run = self.registry.create_run(self.registry.ensure_experiment(MODEL), name=str(until))
        model = f"{run.info.artifact_uri}/model"
        content = booster.model_to_string().encode()
        self.registry.put_artifact(f"{mlflow.proxy_path(model)}/model.lgb", content)
        if not any(m.name == MODEL for m in self.registry.search_registered_models()):
            self.registry.create_registered_model(MODEL)
        return self.registry.create_model_version(
            MODEL, model, run_id=run.info.run_id, tags={"attempt": key}
        ).version

    def examples(self, start: date, end: date) -> Examples:
        """Return the comments of some days, with what their answers come to."""
        tasks = [
            task
            for task in self.labels.export(self.project)
            if start.isoformat() <= task["data"]["day"] < end.isoformat()
        ]
        said = [
            (task["id"], place, region["value"]["choices"][0])
            for task in tasks
            for place, answer in enumerate(task["annotations"])
            for region in answer["result"]
        ]
        found = combine(*zip(*said, strict=True)) if said else None
        truth = dict(zip(found.items, found.labels, strict=True)) if found else {}
        return Examples(
            columns=COLUMNS,
            inputs=np.array(
                [[task["data"][name] for name in COLUMNS] for task in tasks], np.float32
            ).reshape(len(tasks), len(COLUMNS)),
            labels=np.array([truth[task["id"]] == "spam" for task in tasks], np.int8),
            days=np.array(
                [date.fromisoformat(task["data"]["day"]).toordinal() for task in tasks], np.int64
            ),
            keys=np.array([str(task["id"]) for task in tasks]),
        )


telemetry.configure_logs("error")
with ExitStack() as stack:
    state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    registry = stack.enter_context(run_piece(tracking, state=state / "tracking"))
    at = {"tracking": registry.url}
    at["serving"] = stack.enter_context(run_piece(serving, state=state / "serving", joints=at)).url
    at["labels"] = stack.enter_context(run_piece(labels, state=state / "labels")).url

    joints = stack.enter_context(Joints.connect(lambda j: Endpoint(at[j]), lambda j: j in at))
    assert joints.labels is not None
    recipe = Recipe(joints, label(joints.labels))
    store = LoopStore(f"sqlite:///{state}/loop.db", MODEL)
    stack.callback(store.close)
    settings = LoopSettings(model=MODEL, check_every=2, window=4, holdout=3)
    loop = Loop(settings, joints, make_deployer(joints, MODEL, "", {}), recipe, store)
    for number in range(5, 10):
        for event in loop.tick(FIRST + timedelta(days=number)):
            print(f"{event.day}  {event.kind:<10} {event.text}")
    print("champion: version", loop.champion)
    assert loop.champion is not None
