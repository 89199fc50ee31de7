"""Where people decide what others disagree on, and the page about people, in a real browser."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.ui.label_server import NARROW, Labels, label_server

pytestmark = pytest.mark.ui
SPANS = (
    '<View><Labels name="ner" toName="text"><Label value="PER"/><Label value="ORG"/></Labels>'
    '<Text name="text" value="$text"/></View>'
)


def said(value: str) -> list[dict[str, Any]]:
    region = {"from_name": "kind", "to_name": "text", "type": "choices"}
    return [{**region, "value": {"choices": [value]}}]


def span(start: int, end: int, label: str) -> list[dict[str, Any]]:
    value = {"start": start, "end": end, "labels": [label]}
    return [{"id": "s", "from_name": "ner", "to_name": "text", "type": "labels", "value": value}]


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labels]:
    with label_server(tmp_path_factory.mktemp("labels")) as running:
        yield running


class People:
    """A project with people who were invited to it."""

    def __init__(self, labels: Labels, texts: list[str], **project: Any) -> None:
        self.labels = labels
        self.project = labels.project(**{"maximum_annotations": 3, **project})
        self.tasks = labels.load(self.project, [{"data": {"text": text}} for text in texts])

    def invite(self, name: str, role: str = "annotator") -> None:
        path = f"/api/labels/projects/{self.project}/members"
        made = self.labels.call("POST", path, {"name": name, "role": role})
        if made["token"]:
            self.labels.secrets[name] = made["token"]

    def answer(self, name: str, task: int, result: list[Any], seconds: float = 4.0) -> int:
        answer = httpx.post(
            f"{self.labels.url}/api/tasks/{task}/annotations/",
            json={"result": result, "lead_time": seconds},
            headers={"Authorization": f"Token {self.labels.secrets[name]}"},
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["id"])

    def get(self, path: str) -> Any:
        return self.labels.call("GET", f"/api/labels/projects/{self.project}/{path}")


@pytest.fixture
def disputed(labels: Labels) -> People:
    """Three people, who agree on the first item, and on no other."""
    people = People(
        labels,
        ["Lunch at one?", "You have won a <b>prize</b>, click here", "Cheap pills, dear friend"],
    )
    votes = {"ann": "ham spam spam", "bob": "ham ham ham", "cleo": "ham spam ham"}
    for name, values in votes.items():
        people.invite(name)
        for task, value in zip(people.tasks, values.split(), strict=True):
            people.answer(name, task, said(value))
    people.invite("rae", "reviewer")
    return people


@pytest.fixture
def rae(browser: Browser, labels: Labels, disputed: People) -> Iterator[Page]:
    context = labels.context(browser, "rae")
    yield context.new_page()
    context.close()


def ready(page: Page) -> None:
    """Wait until the page listens to keys."""
    page.wait_for_selector("review-keys:defined")


def test_disagreements_are_decided_by_keyboard_alone(
    rae: Page, labels: Labels, disputed: People, seen: Any
) -> None:
    rae.goto(f"{labels.url}/labels/projects/{disputed.project}/review")
    first = disputed.tasks[1]
    expect(rae.locator(".place")).to_contain_text("1 of 2")
    expect(rae.locator(".vote h2")).to_have_text(["ann 4 s", "bob 4 s", "cleo 4 s"])
    expect(rae.locator("label-item#item")).to_contain_text("You have won a <b>prize</b>")
    ready(rae)
    rae.keyboard.press("m")
    rae.keyboard.type("2 is not a vote while one writes: spam")
    rae.keyboard.press("Escape")
    rae.keyboard.press("1")
    expect(rae.locator(".place")).to_contain_text("1 of 1")
    (decided,) = disputed.get("disagreements?state=decided")["items"]
    assert (decided["task"], decided["decided_by"]) == (first, "rae")
    assert decided["note"] == "2 is not a vote while one writes: spam"
    truth = [one for one in labels.annotations(first) if one["ground_truth"]]
    assert [one["result"] for one in truth] == [said("spam")]
    ready(rae)
    rae.keyboard.press("2")
    expect(rae.locator(".empty")).to_contain_text("No open disagreement: of 3 items")
    rae.get_by_role("link", name="Decided 2").click()
    expect(rae.locator(".place")).to_contain_text("decided by rae")


def test_the_page_of_decisions_keeps_what_all_pages_promise(
    browser: Browser, labels: Labels, disputed: People, check_page: Callable[..., Any], page: Page
) -> None:
    page.context.add_cookies(
        [{"name": "dovetail_token", "value": labels.secrets["rae"], "url": labels.url}]
    )
    url = f"{labels.url}/labels/projects/{disputed.project}/review"
    check_page(page, url, budget=60_000, name="labels-review", wait=".vote dl")
    check_page(page, f"{url}?show=answers", budget=60_000, name="labels-review-answers")
    page.set_viewport_size(NARROW)
    page.goto(url)
    page.wait_for_selector(".vote dl")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


def test_an_answer_of_ones_own_decides_too(rae: Page, labels: Labels, disputed: People) -> None:
    rae.goto(f"{labels.url}/labels/projects/{disputed.project}/review?at=1")
    rae.get_by_text("None of them: an answer of your own").click()
    rae.get_by_label("kind").select_option("spam")
    rae.get_by_role("button", name="Save this answer").click()
    expect(rae.locator(".place")).to_contain_text("1 of 1")
    truth = [one for one in labels.annotations(disputed.tasks[2]) if one["ground_truth"]]
    assert [one["result"][0]["value"] for one in truth] == [{"choices": ["spam"]}]


def test_answers_are_accepted_and_sent_back_with_a_word(
    rae: Page, labels: Labels, disputed: People
) -> None:
    rae.goto(f"{labels.url}/labels/projects/{disputed.project}/review?show=answers")
    expect(rae.locator(".place")).to_contain_text("1 of 9")
    ready(rae)
    rae.keyboard.press("a")
    expect(rae.locator(".place")).to_contain_text("1 of 8")
    ready(rae)
    rae.keyboard.press("x")  # not without a comment: the field asks for one
    expect(rae.locator("#note")).to_be_focused()
    rae.keyboard.type("look again")
    rae.get_by_role("button", name="Send back").click()
    expect(rae.locator(".place")).to_contain_text("1 of 7")
    counts = disputed.get("reviews")["counts"]
    assert counts == {"pending": 7, "accepted": 1, "fixed": 0, "rejected": 1}


def test_who_answers_again_reads_why(browser: Browser, labels: Labels, disputed: People) -> None:
    waiting = disputed.get("reviews")["items"]
    number = next(one["annotation"] for one in waiting if one["person"] == "bob")
    path = f"/api/labels/projects/{disputed.project}/reviews"
    body = {"annotation": number, "state": "rejected", "comment": "<i>who</i> pays?"}
    labels.call("POST", path, body)
    context = labels.context(browser, "bob")
    page = context.new_page()
    page.goto(f"{labels.url}/labels/projects/{disputed.project}/label")
    expect(page.locator(".origin.remark")).to_have_text("Sent back by owner: <i>who</i> pays?")
    page.keyboard.press("1")
    expect(page.locator(".saved[data-waiting='0']")).to_have_text("All saved")
    assert disputed.get("reviews")["counts"]["rejected"] == 0
    context.close()


def test_marks_of_each_vote_are_shown_on_the_item(browser: Browser, labels: Labels) -> None:
    people = People(labels, ["Ada wrote to IBM"], config=SPANS)
    for name, result in (("dan", span(0, 3, "PER")), ("fay", span(13, 16, "ORG"))):
        people.invite(name)
        people.answer(name, people.tasks[0], result)
    context = labels.context(browser, "owner")
    page = context.new_page()
    page.goto(f"{labels.url}/labels/projects/{people.project}/review")
    page.locator(".vote", has_text="fay").get_by_role("button", name="Show on the item").click()
    expect(page.locator("#item .mark")).to_have_text("IBM")
    context.close()


def test_comments_are_text_and_stay_with_the_item(
    rae: Page, labels: Labels, disputed: People
) -> None:
    rae.goto(f"{labels.url}/labels/projects/{disputed.project}/review")
    rae.get_by_label("Comment on the item").fill("<img src=x onerror=alert(1)> irony?")
    rae.get_by_role("button", name="Comment", exact=True).click()
    expect(rae.locator(".remarks li p")).to_have_text("<img src=x onerror=alert(1)> irony?")
    assert rae.locator(".remarks img").count() == 0


def test_the_page_of_people_shows_intervals_and_no_rank(
    page: Page, labels: Labels, check_page: Callable[..., Any]
) -> None:
    people = People(labels, [f"Comment {n}" for n in range(40)])
    for name, wrong in (("zoe", 9), ("abe", 11), ("eve", 2)):
        people.invite(name)
        for place, task in enumerate(people.tasks):
            right = "spam" if place % 3 else "ham"
            other = "ham" if place % 3 else "spam"
            people.answer(name, task, said(other if place % wrong == 1 else right), 3 + place % 4)
    page.context.add_cookies(
        [{"name": "dovetail_token", "value": labels.secrets["owner"], "url": labels.url}]
    )
    url = f"{labels.url}/labels/projects/{people.project}/people"
    check_page(page, url, budget=60_000, name="labels-people")
    names = page.locator("section").first.locator("tbody tr td:first-child")
    expect(names).to_have_text(["abe", "eve", "zoe"])
    expect(page.get_by_text("eve is right less often than all others")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("new one")
    page.get_by_role("button", name="Invite").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("new one is invited")
    secret = page.locator(".command code").inner_text()
    assert secret.startswith("dvt_")
    page.goto(url)
    expect(page.locator("#members")).to_contain_text("new one")
    assert secret not in page.content()


def test_an_annotator_is_kept_out_of_both_pages(labels: Labels, disputed: People) -> None:
    for path in ("review", "people", "review.json", "people.json"):
        url = f"{labels.url}/labels/projects/{disputed.project}/{path}"
        answer = httpx.get(url, headers={"Authorization": f"Token {labels.secrets['ann']}"})
        assert answer.status_code == 403, path
