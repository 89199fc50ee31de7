"""The desk: by keyboard, ahead of the server, and nothing lost whatever happens between."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, Route, expect
from tests.ui.label_server import NARROW, TEXT, Labels, label_server, png, texts

pytestmark = pytest.mark.ui
FAST = 0.05  # seconds of work from the key to the next item on screen
SPANS = (
    '<View><Labels name="ner" toName="text"><Label value="PER"/><Label value="ORG"/></Labels>'
    '<Text name="text" value="$text"/></View>'
)
BOXES = (
    '<View><RectangleLabels name="box" toName="image"><Label value="Car"/><Label value="Person"/>'
    '</RectangleLabels><Image name="image" value="$image"/></View>'
)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labels]:
    with label_server(tmp_path_factory.mktemp("labels")) as running:
        yield running


@pytest.fixture
def ann(browser: Browser, labels: Labels) -> Iterator[Page]:
    context = labels.context(browser, "ann")
    yield context.new_page()
    context.close()


def open_desk(page: Page, labels: Labels, project: int, query: str = "") -> None:
    page.goto(f"{labels.url}/labels/projects/{project}/label{query}")
    page.wait_for_selector("label-desk .item")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def all_sent(page: Page) -> None:
    expect(page.locator(".saved[data-waiting='0']")).to_have_text("All saved")


def choices(labels: Labels, task: int) -> list[Any]:
    return [value["choices"] for result in labels.said(task) for value in result]


def test_one_key_answers_and_the_next_item_stands_there(ann: Page, labels: Labels) -> None:
    project = labels.project()
    tasks = labels.load(project, texts(30))
    open_desk(ann, labels, project)
    devtools = ann.context.new_cdp_session(ann)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = busy(devtools)
    for number in tasks:
        ann.wait_for_selector(f".item[data-task='{number}']")
        press(ann, "1" if number % 2 else "2")
    expect(ann.locator(".work .empty")).to_contain_text("Nothing is left to label here.")
    all_sent(ann)
    assert [choices(labels, number) for number in tasks] == [
        [["spam" if number % 2 else "ham"]] for number in tasks
    ]
    (annotation,) = labels.annotations(tasks[0])
    assert 0 < annotation["lead_time"] < 60
    took = ann.evaluate("performance.getEntriesByName('desk:next').map((one) => one.duration)")
    assert len(took) >= 25
    assert (busy(devtools) - before) / len(tasks) < FAST, took


def busy(devtools: CDPSession) -> float:
    """Processor time that the page has taken, in seconds: all of its scripts, layout and paint."""
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def test_a_pre_label_is_shown_with_its_source_and_accepted_with_one_key(
    ann: Page, labels: Labels
) -> None:
    project = labels.project()
    first, second = labels.load(project, texts(2, model_version="forest 3", score=0.93))
    open_desk(ann, labels, project)
    expect(ann.locator(".origin")).to_contain_text("Pre-labelled by forest 3, 93 % sure")
    expect(ann.get_by_role("button", name="ham")).to_have_attribute("aria-pressed", "true")
    press(ann, "Enter")
    ann.wait_for_selector(f".item[data-task='{second}']")
    press(ann, "1")
    all_sent(ann)
    assert (choices(labels, first), choices(labels, second)) == ([["ham"]], [["spam"]])
    assert labels.annotations(first)[0]["parent_prediction"] is not None


def test_who_labels_blind_is_shown_no_prediction(ann: Page, labels: Labels) -> None:
    project = labels.project()
    labels.load(project, texts(1, model_version="m", score=0.9))
    open_desk(ann, labels, project, "?blind=1")
    expect(ann.get_by_text("Blind: no pre-labels")).to_be_visible()
    expect(ann.locator(".origin")).to_have_count(0)
    hidden = labels.project(show_collab_predictions=False)
    labels.load(hidden, texts(1, model_version="m", score=0.9))
    (item,) = labels.call("GET", f"/api/labels/projects/{hidden}/queue")["items"]
    assert item["prediction"] is None


def test_undo_opens_what_was_saved_and_saving_replaces_it(ann: Page, labels: Labels) -> None:
    project = labels.project()
    one, two, three = labels.load(project, texts(3))
    open_desk(ann, labels, project)
    press(ann, "1", "x")
    all_sent(ann)
    press(ann, "u")
    expect(ann.locator(".origin")).to_contain_text("You skipped this")
    press(ann, "Control+z")
    expect(ann.locator(f".item[data-task='{one}']")).to_be_visible()
    expect(ann.get_by_role("button", name="spam")).to_have_attribute("aria-pressed", "true")
    press(ann, "2")
    expect(ann.locator(f".item[data-task='{three}']")).to_be_visible()
    all_sent(ann)
    assert choices(labels, one) == [["ham"]]
    assert [a["was_cancelled"] for a in labels.annotations(two)] == [True]
    press(ann, "u")
    ann.get_by_role("button", name="Withdraw").click()
    all_sent(ann)
    assert labels.annotations(two) == [] or labels.annotations(one) == []


def test_answers_wait_for_a_lost_server_and_outlive_a_reload(
    ann: Page, labels: Labels, until: Callable[..., None]
) -> None:
    project = labels.project()
    tasks = labels.load(project, texts(8))
    open_desk(ann, labels, project)
    lost: list[str] = []

    def lose(route: Route) -> None:
        """The server takes what is sent, and its answer is lost on the way back."""
        lost.append(route.request.method)
        if len(lost) == 1:
            route.fetch()
        route.abort()

    ann.route("**/api/tasks/*/annotations/**", lose)
    press(ann, "1", "2", "1")
    expect(ann.locator(".saved.wrong")).to_contain_text("The server does not answer. 3 answers")
    assert len(labels.annotations(tasks[0])) == 1
    ann.unroute("**/api/tasks/*/annotations/**")
    ann.reload()
    ann.wait_for_selector("label-desk .item")
    all_sent(ann)
    assert [choices(labels, number) for number in tasks[:3]] == [[["spam"]], [["ham"]], [["spam"]]]
    press(ann, "u", "2")
    until(lambda: choices(labels, tasks[2]) == [["ham"]])


def test_what_one_project_left_is_sent_from_the_desk_of_another(ann: Page, labels: Labels) -> None:
    one, other = labels.project(), labels.project()
    (task,), _ = labels.load(one, texts(1)), labels.load(other, texts(1))
    open_desk(ann, labels, one)
    ann.route("**/api/tasks/*/annotations/**", lambda route: route.abort())
    press(ann, "1")
    expect(ann.locator(".saved.wrong")).to_contain_text("1 answer kept on this device")
    ann.unroute("**/api/tasks/*/annotations/**")
    open_desk(ann, labels, other)
    all_sent(ann)
    assert choices(labels, task) == [["spam"]]
    press(ann, "u")
    expect(ann.locator(".say")).to_have_text("There is nothing to take back.")


def test_a_token_revoked_mid_session_costs_no_answer(browser: Browser, labels: Labels) -> None:
    project = labels.project()
    tasks = labels.load(project, texts(4))
    context = labels.context(browser, "cleo")
    page = context.new_page()
    open_desk(page, labels, project)
    (token,) = [one for one in labels.tokens.list() if one.name == "cleo" and not one.revoked]
    labels.tokens.revoke(token.id)
    press(page, "1", "2")
    expect(page.locator(".saved.wrong")).to_contain_text("You are signed out")
    assert labels.annotations(tasks[0]) == []
    del labels.secrets["cleo"]
    context.add_cookies(
        [{"name": "dovetail_token", "value": labels.secret("cleo"), "url": labels.url}]
    )
    page.reload()
    page.wait_for_selector("label-desk .item")
    all_sent(page)
    assert [choices(labels, number) for number in tasks[:2]] == [[["spam"]], [["ham"]]]
    context.close()


def test_spans_by_keyboard_and_mouse_count_code_points(ann: Page, labels: Labels) -> None:
    project = labels.project(SPANS)
    first, second = labels.load(
        project, [{"data": {"text": "🎉 Ada met Charles in London."}}, {"data": {"text": "b"}}]
    )
    open_desk(ann, labels, project)
    press(ann, "ArrowRight", "ArrowRight", "1")  # Ada
    press(ann, "ArrowRight", "ArrowRight", "Shift+ArrowRight", "2")  # Charles in
    press(ann, "Escape", "2")
    place = place_of(ann, "London")
    ann.mouse.dblclick(place["x"] + 5, place["y"] + 5)
    expect(ann.locator("mark")).to_have_text(["Ada", "Charles in", "London"])
    press(ann, "Escape", "]", "2", "]", "Delete")  # Ada is another kind, Charles goes
    expect(ann.locator("mark")).to_have_text(["Ada", "London"])
    press(ann, "u")
    expect(ann.locator("mark")).to_have_count(3)
    ann.screenshot(path="test-results/label-desk-spans.png")
    press(ann, "Enter")
    ann.wait_for_selector(f".item[data-task='{second}']")
    all_sent(ann)
    (result,) = labels.said(first)
    text = "🎉 Ada met Charles in London."
    assert [(value["text"], value["labels"]) for value in result] == [
        ("Ada", ["ORG"]),
        ("Charles in", ["ORG"]),
        ("London", ["ORG"]),
    ]
    for value in result:
        assert text[value["start"] : value["end"]] == value["text"]


def place_of(page: Page, word: str) -> dict[str, float]:
    """Where a word of the item's text is on screen."""
    found = page.evaluate(
        """(word) => {
          const walk = document.createTreeWalker(document.querySelector(".text"), 4);
          while (walk.nextNode()) {
            const at = walk.currentNode.data.indexOf(word);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(walk.currentNode, at);
            range.setEnd(walk.currentNode, at + word.length);
            return range.getBoundingClientRect().toJSON();
          }
        }""",
        word,
    )
    return dict(found)


def test_boxes_are_drawn_moved_resized_and_deleted(ann: Page, labels: Labels) -> None:
    project = labels.project(BOXES)
    picture = png(400, 200)
    first, second = labels.load(project, [{"data": {"image": picture}}] * 2)
    open_desk(ann, labels, project)
    stage = ann.locator(".boxes").bounding_box()
    assert stage is not None

    def at(x: float, y: float) -> tuple[float, float]:
        return stage["x"] + stage["width"] * x / 100, stage["y"] + stage["height"] * y / 100

    def drag(start: tuple[float, float], end: tuple[float, float]) -> None:
        ann.mouse.move(*at(*start))
        ann.mouse.down()
        ann.mouse.move(*at(*end), steps=3)
        ann.mouse.up()

    press(ann, "2")
    drag((10, 10), (30, 40))
    drag((20, 20), (30, 30))  # moves it
    drag((40, 50), (50, 60))  # its lower right corner
    press(ann, "n", "ArrowLeft", "Shift+ArrowDown", "Alt+ArrowUp", "1")
    expect(ann.locator(".box")).to_have_count(2)
    ann.screenshot(path="test-results/label-desk-boxes.png")
    press(ann, "n", "Delete", "Enter")
    ann.wait_for_selector(f".item[data-task='{second}']")
    all_sent(ann)
    (result,) = labels.said(first)
    drawn, made = result
    assert drawn["rectanglelabels"] == ["Person"]
    assert made["rectanglelabels"] == ["Car"]
    near = [drawn[key] for key in ("x", "y", "width", "height")]
    assert near == pytest.approx([20, 20, 30, 40], abs=1)
    assert [made[key] for key in ("x", "y", "width", "height")] == pytest.approx([39, 39.9, 20, 21])
    (annotation,) = labels.annotations(first)
    assert annotation["result"][0]["original_width"] == 400


def test_what_the_desk_does_not_know_is_kept_word_for_word(ann: Page, labels: Labels) -> None:
    config = TEXT.replace("</View>", '<Brush name="dab" toName="text"/></View>')
    project = labels.project(config)
    strange = [
        {"id": "b1", "from_name": "dab", "to_name": "text", "type": "brushlabels",
         "value": {"rle": [1, 2.50], "format": "rle"}, "score": 0.25, "more": {"a": None}},
        {"from_id": "b1", "to_id": "b2", "type": "relation", "direction": "right"},
    ]  # fmt: skip
    (task,) = labels.load(
        project,
        [{"data": {"text": "x"}, "predictions": [{"model_version": "m", "result": strange}]}],
    )
    open_desk(ann, labels, project)
    expect(ann.locator(".kept")).to_contain_text(
        "2 regions of a kind that this desk does not show (brushlabels, relation): "
        "kept word for word. The config has tags that this desk does not show: Brush."
    )
    press(ann, "1")
    all_sent(ann)
    (annotation,) = labels.annotations(task)
    assert annotation["result"][:2] == strange
    assert annotation["result"][2]["value"] == {"choices": ["spam"]}


def test_fields_ratings_and_pairs_are_answered_by_keyboard(ann: Page, labels: Labels) -> None:
    config = (
        '<View><Table name="row" value="$row"/><Rating name="stars" toName="row"/>'
        '<Number name="count" toName="row" min="0"/>'
        '<TextArea name="why" toName="row" rows="3"/></View>'
    )
    project = labels.project(config)
    (task,) = labels.load(project, [{"data": {"row": {"price": 3}}}])
    open_desk(ann, labels, project)
    press(ann, "4", "Tab")
    ann.get_by_label("count").focus()
    ann.keyboard.type("12")
    ann.keyboard.press("Tab")
    ann.keyboard.type("because")
    press(ann, "Enter")
    ann.keyboard.type("so")
    press(ann, "Control+Enter")
    all_sent(ann)
    (result,) = labels.said(task)
    assert {key: value for one in result for key, value in one.items()} == {
        "rating": 4,
        "number": 12,
        "text": ["because\nso"],
    }
    pair = labels.project(
        '<View><Pairwise name="better" toName="a,b"/><Text name="a" value="$a"/>'
        '<Text name="b" value="$b"/></View>'
    )
    (task,) = labels.load(pair, [{"data": {"a": "one", "b": "two"}}])
    open_desk(ann, labels, pair)
    press(ann, "ArrowRight")
    all_sent(ann)
    assert labels.said(task) == [[{"selected": "right"}]]


def test_options_of_the_data_and_branches_of_a_tree(ann: Page, labels: Labels) -> None:
    project = labels.project(
        '<View><Text name="text" value="$text"/><Choices name="which" toName="text" value="$of"/>'
        '<Taxonomy name="kind" toName="text"><Choice value="Animal"><Choice value="Cat"/></Choice>'
        "</Taxonomy></View>"
    )
    first, second = labels.load(
        project,
        [
            {"data": {"text": "a", "of": [{"value": "one"}, {"value": "two"}]}},
            {"data": {"text": "b", "of": ["three"]}},
        ],
    )
    open_desk(ann, labels, project)
    press(ann, "2", "4", "Enter")
    expect(ann.locator(f".item[data-task='{second}']")).to_be_visible()
    press(ann, "1", "2", "3", "2", "Enter")
    all_sent(ann)
    assert labels.said(first) == [[{"choices": ["two"]}, {"taxonomy": [["Animal", "Cat"]]}]]
    assert labels.said(second) == [[{"choices": ["three"]}, {"taxonomy": [["Animal", "Cat"]]}]]


def test_half_an_answer_outlives_a_reload(ann: Page, labels: Labels) -> None:
    project = labels.project(SPANS)
    labels.load(project, [{"data": {"text": "Ada met Charles."}}])
    open_desk(ann, labels, project)
    press(ann, "ArrowRight", "1")
    expect(ann.locator("mark")).to_have_text("Ada")
    ann.wait_for_timeout(250)
    ann.reload()
    expect(ann.locator("mark")).to_have_text("Ada")
    expect(ann.locator(".origin")).to_contain_text("Your unfinished answer from before.")


def test_five_megabytes_of_text_stay_responsive(ann: Page, labels: Labels) -> None:
    project = labels.project(SPANS)
    line = "All work and no play makes Jack a dull boy, said Ada.\n"
    (task,) = labels.load(project, [{"data": {"text": line * (5_000_000 // len(line))}}])
    open_desk(ann, labels, project)
    pieces = ann.locator(".piece").count()
    assert pieces > 1000
    took = ann.evaluate(
        """async () => {
          const text = document.querySelector(".text");
          const began = performance.now();
          text.scrollTop = text.scrollHeight;
          await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          return performance.now() - began;
        }"""
    )
    assert took < 1000
    last = ann.locator(".piece").last
    last.scroll_into_view_if_needed()
    place = last.bounding_box()
    assert place is not None
    ann.mouse.dblclick(place["x"] + 30, place["y"] + 10)
    press(ann, "2")
    expect(ann.locator("mark")).to_have_count(1)
    press(ann, "Enter")
    all_sent(ann)
    (result,) = labels.said(task)
    text = line * (5_000_000 // len(line))
    assert text[result[0]["start"] : result[0]["end"]] == result[0]["text"]
    assert result[0]["start"] > 4_900_000


def test_a_phone_answers_by_touch(browser: Browser, labels: Labels) -> None:
    project = labels.project(expert_instruction="<p>Say <b>spam</b> to adverts.</p>")
    tasks = labels.load(project, texts(2, model_version="m", score=0.8))
    context = labels.context(browser, "phone", has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_viewport_size(NARROW)
    open_desk(page, labels, project)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    for button in page.locator(".option, .bar button:visible").all():
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 40, button.text_content()
    page.screenshot(path="test-results/label-desk-phone.png", full_page=True)
    page.get_by_role("button", name="spam").tap()
    page.wait_for_selector(f".item[data-task='{tasks[1]}']")
    page.get_by_role("button", name="Accept").tap()
    all_sent(page)
    assert [choices(labels, number) for number in tasks] == [[["spam"]], [["ham"]]]
    context.close()


def test_two_annotators_never_hold_one_task(labels: Labels) -> None:
    project = labels.project()
    labels.load(project, texts(30))
    held = []
    for name in ("dora", "emil"):
        labels.http.headers["Authorization"] = f"Token {labels.secret(name)}"
        answer = labels.call("GET", f"/api/labels/projects/{project}/queue?count=15")
        held.append({item["id"] for item in answer["items"]})
    labels.http.headers["Authorization"] = f"Token {labels.secret('owner')}"
    assert [len(one) for one in held] == [15, 15]
    assert not held[0] & held[1]


def test_instructions_and_examples_stand_beside_the_item(ann: Page, labels: Labels) -> None:
    project = labels.project(expert_instruction="<p>Say <b>spam</b> to adverts.</p>")
    labels.load(project, texts(1))
    example = {"data": {"text": "Buy now"}, "answer": "spam", "why": "It sells."}
    labels.call("PUT", f"/api/labels/projects/{project}/people", {"examples": [example]})
    open_desk(ann, labels, project)
    side = ann.locator(".side")
    expect(side.locator(".prose b")).to_have_text("spam")
    expect(side.locator(".example")).to_contain_text("Buy now")
    expect(side.locator(".example")).to_contain_text("spam It sells.")
    press(ann, "h")
    expect(side.locator(".prose")).to_be_hidden()


def test_an_annotator_with_a_viewers_token_labels_what_they_were_invited_to(
    browser: Browser, labels: Labels
) -> None:
    project, other = labels.project(), labels.project()
    (task,) = labels.load(project, texts(1))
    labels.secret("vera", "viewer")
    body = {"name": "vera", "role": "annotator"}
    labels.call("POST", f"/api/labels/projects/{project}/members", body)
    context = labels.context(browser, "vera")
    page = context.new_page()
    page.goto(f"{labels.url}/labels")
    expect(page.get_by_role("table").locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Label Moods").click()
    page.wait_for_selector("label-desk .item")
    press(page, "1")
    all_sent(page)
    assert choices(labels, task) == [["spam"]]
    answer = page.goto(f"{labels.url}/labels/projects/{other}/label")
    assert answer is not None
    assert answer.status == 403
    context.close()


def test_two_windows_of_one_person_share_the_items(ann: Page, labels: Labels) -> None:
    project = labels.project()
    tasks = labels.load(project, texts(12))
    open_desk(ann, labels, project)
    other = ann.context.new_page()
    open_desk(other, labels, project)
    for window in (other, ann, other, ann):
        press(window, "1")
    for window in (ann, other):
        window.wait_for_selector("label-desk .item")
        all_sent(window)
    assert all(len(labels.annotations(task)) <= 1 for task in tasks)
    other.close()  # with one item on it, which comes here in the end
    for _ in range(8):
        ann.wait_for_selector("label-desk .item:not([data-done])").evaluate(
            "(item) => (item.dataset.done = '1')"
        )
        press(ann, "1")
    expect(ann.locator(".work .empty")).to_contain_text("Nothing is left to label here.")
    all_sent(ann)
    assert [len(labels.annotations(task)) for task in tasks] == [1] * 12


KINDS = {
    "text": (TEXT, {"text": "A comment"}, []),
    "spans": (SPANS, {"text": "Ada met Charles."}, ["ArrowRight", "1", "]"]),
    "boxes": (BOXES, {"image": png(400, 200)}, ["n", "ArrowRight"]),
    "rows": (
        '<View><Table name="row" value="$row"/><Rating name="stars" toName="row"/><Number name="n" '
        'toName="row"/><TextArea name="why" toName="row" rows="3"/></View>',
        {"row": {"title": "Chair, oak", "price": 129}},
        ["3"],
    ),
    "pair": (
        '<View><Header value="Which is better?"/><Pairwise name="better" toName="a,b"/>'
        '<Text name="a" value="$a"/><Text name="b" value="$b"/><Rating name="sure" toName="a"/>'
        "</View>",
        {"a": "One answer", "b": "Another"},
        ["ArrowLeft"],
    ),
    "tree": (
        '<View><Text name="text" value="$text"/><Taxonomy name="kind" toName="text">'
        '<Choice value="Animal"><Choice value="Cat"/><Choice value="Dog"/></Choice>'
        '<Choice value="Plant"/></Taxonomy><DateTime name="when" toName="text"/></View>',
        {"text": "A cat"},
        ["2"],
    ),
    "rank": (
        '<View><List name="items" value="$items"/><Ranker name="best" toName="items"/></View>',
        {"items": [{"id": "a", "title": "One", "body": "An answer"}, {"id": "b", "title": "Two"}]},
        ["Tab"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_desk_keeps_what_all_pages_promise(
    page: Page, check_page: Callable[..., Any], labels: Labels, kind: str
) -> None:
    config, data, keys = KINDS[kind]
    project = labels.project(config, expert_instruction="<p>Look <b>well</b>.</p>")
    labels.load(project, [{"data": data}])
    cookie = {"name": "dovetail_token", "value": labels.secret("ann"), "url": labels.url}
    page.context.add_cookies([cookie])
    page.goto(f"{labels.url}/labels/projects/{project}/label")
    page.wait_for_selector("label-desk .item")
    press(page, *keys)
    check_page(page, budget=60_000, name=f"label-desk-{kind}")
