"""Two people label real pictures and real comments, by keyboard only, and end with an export.

The pictures are scikit-learn's handwritten digits. The comments are those in the source of
Python's own standard library, or others where `DOVETAIL_LABEL_TEXTS` names a file of them (a JSON
document a line, gzipped, with the fields `text` and `label`).
"""

import gzip
import io
import json
import os
import struct
import tokenize
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.ui.label_server import Labels, label_server

pytestmark = pytest.mark.ui
COUNT = 200
DIGITS = (
    '<View><Image name="image" value="$image"/><Choices name="digit" toName="image">'
    + "".join(f'<Choice value="{digit}" hotkey="{digit}"/>' for digit in range(10))
    + "</Choices></View>"
)
COMMENTS = (
    '<View><Text name="text" value="$text"/><Choices name="kind" toName="text">'
    '<Choice value="a"/><Choice value="b"/></Choices></View>'
)


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labels]:
    with label_server(tmp_path_factory.mktemp("labels")) as running:
        yield running


def picture(pixels: Any) -> bytes:
    """A digit of 8 by 8 grey values from 0 to 16 as a PNG file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = b"".join(b"\0" + bytes(min(255, int(16 * grey)) for grey in row) for row in pixels)
    head = struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def comments() -> list[tuple[str, str]]:
    """Real comments, each with the label that its reader gives it: `a` or `b`."""
    file = os.environ.get("DOVETAIL_LABEL_TEXTS")
    if file:
        lines = gzip.decompress(Path(file).read_bytes()).decode().splitlines()
        found = [json.loads(line) for line in lines[:COUNT]]
        return [(one["text"], "a" if one["label"] else "b") for one in found]
    return [(text, "a" if len(text) > 40 else "b") for text in source_comments()[:COUNT]]


def source_comments() -> list[str]:
    """Comments in the source of Python's standard library, each once."""
    folder = Path(os.__file__).parent
    found: dict[str, None] = {}
    for name in ("argparse.py", "typing.py", "tempfile.py", "subprocess.py", "datetime.py"):
        source = (folder / name).read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            text = token.string.lstrip("#! ").strip()
            if token.type == tokenize.COMMENT and len(text) > 8:
                found.setdefault(text)
    return list(found)


def label_all(page: Page, labels: Labels, project: int, keys: dict[int, str]) -> None:
    """Open the desk and press the right key at each item, until none is left."""
    page.goto(f"{labels.url}/labels/projects/{project}/label")
    for _ in keys:
        item = page.wait_for_selector("label-desk .item:not([data-done])")
        task = item.evaluate(
            "(item) => { item.dataset.done = '1'; return Number(item.dataset.task); }"
        )
        page.keyboard.press(keys[task])
    expect(page.locator(".work .empty")).to_contain_text("Nothing is left to label here.")
    expect(page.locator(".saved[data-waiting='0']")).to_have_text("All saved")


def test_two_hundred_digits_and_a_disagreement(
    browser: Browser, labels: Labels, tmp_path: Path
) -> None:
    digits = pytest.importorskip("sklearn.datasets").load_digits()
    context = labels.context(browser, "owner")
    page = context.new_page()
    for at in range(COUNT):
        (tmp_path / f"{at:03}.png").write_bytes(picture(digits.images[at]))
    page.goto(f"{labels.url}/labels/new")
    page.get_by_label("Title").fill("Digits")
    page.get_by_label("Label config, as in Label Studio").fill(DIGITS)
    page.get_by_label("Answers wanted for each task").fill("2")
    page.locator("#file").set_input_files(sorted(tmp_path.glob("*.png")))
    page.get_by_role("button", name="Make the project").press("Enter")
    page.wait_for_url("**/labels/projects/*")
    project = int(page.url.rpartition("/")[2])
    tasks = labels.call("GET", f"/api/tasks?project={project}&page_size=500")["tasks"]
    assert len(tasks) == COUNT
    right = {task["id"]: str(digits.target[at]) for at, task in enumerate(tasks)}
    ann, bob = (labels.context(browser, name).new_page() for name in ("ann", "bob"))
    label_all(ann, labels, project, right)
    first = tasks[0]["id"]
    label_all(bob, labels, project, {**right, first: "9"})  # it is a nought, and he says a nine

    page.goto(f"{labels.url}/labels/tasks/{first}")
    answers = page.locator(".answer")
    expect(answers).to_have_count(2)
    expect(answers.nth(0)).to_contain_text("ann")
    expect(answers.nth(0)).to_contain_text("0")
    expect(answers.nth(1)).to_contain_text("9")
    page.goto(f"{labels.url}/labels/projects/{project}/exports")
    page.get_by_label("Name").fill("first")
    page.get_by_role("button", name="Make a snapshot").press("Enter")
    row = page.get_by_role("row", name="first@1")
    expect(row).to_contain_text("200")
    with page.expect_download() as download:
        row.get_by_role("link", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == COUNT + 1
    exported = labels.http.get(f"/api/labels/projects/{project}/snapshots/first@1/labels").text
    lines = [json.loads(line) for line in exported.splitlines()]
    said = {line["task"]: line["label"] for line in lines}
    assert sum(said[task] == value for task, value in right.items()) >= COUNT - 1
    context.close()


SLOW = """const ask = fetch;
window.fetch = async (address, options) => {
  const answer = await ask(address, options);
  if (String(address).includes("/queue")) await new Promise((done) => setTimeout(done, 300));
  return answer;
};"""


def test_no_item_comes_twice_however_slow_the_queue_is(browser: Browser, labels: Labels) -> None:
    project = labels.project(COMMENTS, title="Slow")
    labels.call("POST", f"/api/projects/{project}/import", [{"text": f"{n}"} for n in range(60)])
    context = labels.context(browser, "owner")
    page = context.new_page()
    page.add_init_script(SLOW)
    tasks = labels.call("GET", f"/api/tasks?project={project}&page_size=100")["tasks"]
    label_all(page, labels, project, {task["id"]: "1" for task in tasks})
    context.close()


def test_two_hundred_comments_with_pre_labels(browser: Browser, labels: Labels) -> None:
    texts = comments()
    assert len(texts) == COUNT
    project = labels.project(COMMENTS, title="Comments")
    guess = [
        {"from_name": "kind", "to_name": "text", "type": "choices", "value": {"choices": ["a"]}}
    ]
    tasks = labels.load(
        project,
        [
            {"data": {"text": text},
             "predictions": [{"model_version": "all a", "score": 0.6, "result": guess}]}
            for text, _ in texts
        ],
    )  # fmt: skip
    right = {task: label for task, (_, label) in zip(tasks, texts, strict=True)}
    page = labels.context(browser, "ann").new_page()
    keys = {task: "Enter" if label == "a" else "2" for task, label in right.items()}
    label_all(page, labels, project, keys)
    exported = labels.call("GET", f"/api/projects/{project}/export?exportType=JSON_MIN")
    assert {one["id"]: one["kind"] for one in exported} == right
    page.context.close()
