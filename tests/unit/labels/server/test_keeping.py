"""A label config keeps what annotations name, or is refused."""

import pytest
from tests.unit.labels.server.conftest import CONFIG, GOOD, Api

NER = {
    "from_name": "ner",
    "to_name": "text",
    "type": "labels",
    "value": {"start": 0, "end": 3, "text": "Ann", "labels": ["PER"]},
}
NO_MOOD = (
    '<View><Text name="text" value="$text"/>'
    '<Labels name="ner" toName="text"><Label value="PER"/></Labels></View>'
)
NO_GOOD = CONFIG.replace('<Choice value="good"/>', "")
MORE = CONFIG.replace('<Choice value="good"/>', '<Choice value="good"/><Choice value="odd"/>')
AS_TAXONOMY = CONFIG.replace("<Choices ", "<Taxonomy ").replace("</Choices>", "</Taxonomy>")


@pytest.fixture
def project(labels: Api) -> int:
    number = labels.project()
    first, second, third = labels.load(number, [{"text": f"Ann {n}"} for n in range(3)])
    labels.post(f"/api/tasks/{first}/annotations/", {"result": GOOD})
    labels.post(f"/api/tasks/{second}/annotations/", {"result": [*GOOD, NER]})
    labels.post(f"/api/tasks/{third}/drafts/", {"result": GOOD})
    return number


def refused(labels: Api, project: int, config: str, path: str = "") -> str:
    call = labels.post if path else labels.patch
    body = call(f"/api/projects/{project}/{path}", {"label_config": config}, status=400)
    return str(body["validation_errors"]["label_config"][0])


def test_a_control_that_annotations_name_cannot_be_dropped(labels: Api, project: int) -> None:
    said = (
        "Created annotations are incompatible with provided labeling schema, we found:\n"
        "2 with from_name=mood, to_name=text, type=choices."
    )
    assert refused(labels, project, NO_MOOD) == said
    assert refused(labels, project, AS_TAXONOMY) == said
    assert refused(labels, project, NO_MOOD, "validate/") == said
    assert labels.get(f"/api/projects/{project}")["label_config"] == CONFIG


def test_a_class_that_answers_name_is_missed_where_a_config_is_validated(
    labels: Api, project: int
) -> None:
    assert refused(labels, project, NO_GOOD, "validate/") == (
        "These labels still exist in annotations or drafts:\ngood (2 annotations, 1 draft)\n"
        'Please add labels to tag with name="mood".'
    )
    labels.patch(f"/api/projects/{project}", {"label_config": NO_GOOD})  # as Label Studio does


def test_what_only_a_draft_names_cannot_be_dropped_either(labels: Api) -> None:
    number = labels.project()
    (task,) = labels.load(number, [{"text": "Ann"}])
    labels.post(f"/api/tasks/{task}/drafts/", {"result": GOOD})
    said = 'There are 1 annotation(s) created with tag "mood", you can\'t remove it.'
    assert refused(labels, number, NO_MOOD) == said


@pytest.mark.parametrize("config", [MORE, CONFIG.replace('value="bad"', 'value="worse"')])
def test_what_nobody_named_may_change(labels: Api, project: int, config: str) -> None:
    labels.post(f"/api/projects/{project}/validate/", {"label_config": config}, status=200)
    labels.patch(f"/api/projects/{project}", {"label_config": config})


def test_regions_that_never_fitted_keep_nothing_from_changing(labels: Api) -> None:
    number = labels.project()
    strange = {"from_name": "gone", "to_name": "text", "type": "choices", "value": {"choices": []}}
    odd = [strange, {"type": "relation"}, {"from_name": 7, "to_name": "text", "type": "choices"}]
    labels.load(number, [{"data": {"text": "Ann"}, "annotations": [{"result": odd}]}])
    labels.patch(f"/api/projects/{number}", {"label_config": NO_MOOD})


def test_it_is_free_again_once_the_annotations_are_gone(labels: Api) -> None:
    number = labels.project()
    (task,) = labels.load(number, [{"text": "Ann"}])
    made = labels.post(f"/api/tasks/{task}/annotations/", {"result": GOOD})
    refused(labels, number, NO_MOOD)
    labels.delete(f"/api/annotations/{made['id']}/")
    labels.patch(f"/api/projects/{number}", {"label_config": NO_MOOD})
