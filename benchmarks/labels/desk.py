"""The desk in a browser: how long after a key the next item stands there, painted.

From the time stamp of the key to after the paint, in a headless Chromium without a GPU: texts with
one question, and pictures. The floor is a page without styles that only changes a word.

    python -m benchmarks.labels.desk            needs playwright and a Chromium
"""

import base64
import random
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.harness import BIN, Figure, server

KEYS, PAUSE = 150, 60  # milliseconds between keys
CHROMIUMS = ("chromium-headless-shell", "chromium", "google-chrome")
CHOICES = '<Choices name="kind" toName="{0}"><Choice value="a"/><Choice value="b"/></Choices>'
TEXTS = f'<View><Text name="text" value="$text"/>{CHOICES.format("text")}</View>'
PICTURES = f'<View><Image name="picture" value="$picture"/>{CHOICES.format("picture")}</View>'
MAGIC = b"\x89PNG\r\n\x1a\n"
FLOOR = """<p id="word">0</p><script>
document.addEventListener("keydown", (event) => {
  word.textContent = Number(word.textContent) + 1;
  const start = event.timeStamp;
  requestAnimationFrame(() => setTimeout(() => performance.measure("desk:next", { start })));
});
</script>"""
TOOK = "performance.getEntriesByName('desk:next').map((one) => one.duration)"


def picture(seed: int, side: int = 64) -> str:
    """A grey PNG of noise, as an address that carries it."""
    noise = random.Random(seed)
    rows = b"".join(b"\0" + noise.randbytes(side) for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(MAGIC + b"".join(chunks)).decode()


def worlds() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Name, label config and tasks of what is labelled."""
    count = KEYS + 10
    texts = [random.Random(i).randbytes(120).hex(" ", 4) for i in range(count)]
    yield "texts", TEXTS, [{"data": {"text": text}} for text in texts]
    yield "pictures", PICTURES, [{"data": {"picture": picture(i)}} for i in range(count)]


def pressed(page: Any) -> list[float]:
    """Milliseconds after each key, sorted."""
    for _ in range(KEYS):
        page.keyboard.press("1")
        page.wait_for_timeout(PAUSE)
    return sorted(page.evaluate(TOOK))


def told(name: str, subject: str, took: list[float]) -> None:
    """Print the figures of one page."""
    Figure("labels", name, subject, took[len(took) // 2], "ms, median").emit()
    Figure("labels", name, subject, took[int(0.95 * (len(took) - 1))], "ms, p95").emit()


def main() -> None:
    """Run and print."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sys.exit("the desk is measured in a browser: pip install playwright")
    path = next((found for name in CHROMIUMS if (found := shutil.which(name))), None)
    if path is None:
        sys.exit("no Chromium: apt-get install chromium-headless-shell")
    command = [str(BIN / "dovetail"), "labels", "run", "--port", "{port}", "--state", "state"]
    with (
        tempfile.TemporaryDirectory() as folder,
        server(command, "/readyz", Path(folder)) as ours,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        client = ours.connect()
        for name, config, tasks in worlds():
            made = {"title": name, "label_config": config}
            number = client.call("POST", "/api/projects", made)["id"]
            client.call("POST", f"/api/projects/{number}/import", tasks)
            title, page = f"the next item at the desk, {name}", browser.new_page()
            page.goto(f"{ours.url}/labels/projects/{number}/label")
            page.wait_for_selector("label-desk .item")
            told(title, "dovetail", pressed(page))
            bare = browser.new_page()
            bare.set_content(FLOOR)
            told(title, "a bare page", pressed(bare))
            page.close()
            bare.close()
        browser.close()


if __name__ == "__main__":
    main()
