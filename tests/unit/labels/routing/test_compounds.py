"""Tasks that are split into another project's, labelled there, and put together."""

from pathlib import Path

import pytest
from tests.unit.labels.routing.test_served import CONFIG, running, say, until, url

PARENT = (
    '<View><Text name="review" value="$review"/>'
    '<Choices name="whole" toName="review"><Choice value="good"/><Choice value="bad"/></Choices>'
    '<Labels name="parts" toName="review"><Label value="good"/><Label value="bad"/></Labels></View>'
)
RULE = {"by": "sentences", "field": "review", "join": "any", "order": ["bad"]}


def test_reviews_are_labelled_by_the_sentence(tmp_path: Path) -> None:
    with running(tmp_path) as api:
        made = api.post("/api/projects", {"title": "reviews", "label_config": PARENT})
        parent = int(made["id"])
        reviews = api.load(parent, [{"review": "Nice. Awful!"}, {"review": "Nice. Nice."}])
        made = api.post("/api/projects", {"title": "sentences", "label_config": CONFIG})
        child = int(made["id"])
        wanted = {"parent": parent, "rule": RULE}
        assert api.post(url(child, "split"), wanted) == {"parents": 2, "parts": 4, "waiting": 0}
        assert api.post(url(child, "split"), wanted)["parts"] == 0
        api.get(url(child, "wholes"), status=404)
        api.call("PUT", url(child, "routing"), {"quality": 0.7, "floor": 2, "audit": 0})
        tasks = api.get(f"/api/tasks?project={child}&fields=all")["tasks"]
        assert [one["data"]["text"] for one in tasks] == ["Nice.", "Awful!", "Nice.", "Nice."]
        assert tasks[1]["meta"] == {"parent_task": reviews[0], "part": 1}
        users = [api.post("/api/users/", {"email": f"p{i}@x.org"})["id"] for i in range(4)]
        for task in tasks:
            for user in users:
                label = "good" if "Nice" in task["data"]["text"] else "bad"
                say(api, task["id"], label, user)
        joined = until(lambda: (j := api.post(url(child, "join"), status=200))["parents"] and j)
        assert joined == {"parents": 2, "parts": 4, "waiting": 0}
        assert api.post(url(child, "join"), status=200)["parents"] == 2  # in place of the first
        said = api.get(f"/api/predictions/?project={parent}")
        shown = {one["task"]: one["result"] for one in said}
        assert len(said) == 2
        assert [shown[task][0]["value"]["choices"] for task in reviews] == [["bad"], ["good"]]
        spans = [(r["value"]["start"], r["value"]["end"], r["value"]["labels"])
                 for r in shown[reviews[0]][1:]]  # fmt: skip
        assert spans == [(0, 5, ["good"]), (6, 12, ["bad"])]


@pytest.mark.parametrize("parent", [1, 99])
def test_projects_that_cannot_be_split_are_refused(tmp_path: Path, parent: int) -> None:
    with running(tmp_path) as api:
        made = api.post("/api/projects", {"title": "sentences", "label_config": CONFIG})
        wanted = {"parent": parent, "rule": RULE}
        api.post(url(int(made["id"]), "split"), wanted, status=400 if parent == 1 else 404)
