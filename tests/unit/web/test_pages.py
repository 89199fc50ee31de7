import json
import re
import subprocess
import sys

import httpx
import pytest
from jinja2 import TemplateNotFound

from dovetail.web import folders
from dovetail.web.templating import environment, split_fix

ATTACK = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
MAIN = {"HX-Request": "true", "HX-Target": "main"}


def test_the_twin_holds_what_the_page_shows(client: httpx.Client) -> None:
    assert client.get("/index.json").json() == {
        "count": 1234,
        "rows": [{"name": ATTACK, "auc": 0.70321, "href": "/x"}],
    }
    page = client.get("/")
    assert "<p>1234</p>" in page.text
    assert 'href="/index.json"' in page.text


def test_a_path_parameter_never_swallows_the_json_suffix(client: httpx.Client) -> None:
    assert client.get("/stall/a.json").json()["count"] == 1234
    assert client.get("/stall/a").headers["content-type"] == "text/html; charset=utf-8"


def test_stored_markup_stays_text_in_every_element(client: httpx.Client) -> None:
    text = client.get("/stall/a").text
    assert "<script>alert" not in text
    assert "<img" not in text
    assert text.count("&lt;script&gt;alert(1)") >= 20
    assert "javascript:" not in re.sub(r'<script type="application/json">.*?</script>', "", text)


def test_no_page_needs_inline_script_or_style(client: httpx.Client) -> None:
    page = client.get("/stall/a")
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    inline = [tag for tag in re.findall(r"<script[^>]*>", page.text) if "src=" not in tag]
    assert set(inline) == {
        '<script type="application/json" id="elements">',
        '<script type="application/json">',
    }
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=[\"']", page.text.replace(ATTACK, ""))


def test_a_view_may_answer_by_itself(client: httpx.Client) -> None:
    answer = client.get("/?away=1", follow_redirects=False)
    assert answer.headers["location"] == "/elsewhere"


def test_the_refresh_gets_the_main_part_alone(client: httpx.Client) -> None:
    whole = client.get("/stall/a")
    part = client.get("/stall/a", headers=MAIN)
    assert "<html" not in part.text
    assert part.text in whole.text
    assert part.text.startswith('<header class="page-head">')


def test_an_unchanged_main_part_is_not_sent_again(client: httpx.Client) -> None:
    digest = re.search(r'data-digest="(\w+)"', client.get("/stall/a").text)
    assert digest
    answer = client.get("/stall/a", headers={**MAIN, "X-Main-Digest": digest[1]})
    assert answer.status_code == 204
    fresh = json.loads(answer.headers["hx-trigger"])["dovetail:fresh"]
    assert fresh["digest"] == digest[1]
    changed = client.get("/stall/a", headers={**MAIN, "X-Main-Digest": "other"})
    assert changed.status_code == 200


def test_only_a_page_that_refreshes_loads_htmx(client: httpx.Client) -> None:
    assert "htmx.min.js" in client.get("/stall/a").text
    assert "htmx.min.js" not in client.get("/").text


def test_the_current_page_is_marked_and_every_page_has_a_key(client: httpx.Client) -> None:
    text = client.get("/stall/a").text
    assert re.findall(r'aria-current="page" data-key="(\w)"', text) == ["t"]
    assert re.findall(r'data-key="(\w)"', text) == ["s", "t", "e"]


def test_the_theme_of_the_cookie_is_sent_from_the_start(client: httpx.Client) -> None:
    client.cookies.set("dovetail_theme", "dark")
    assert '<html lang="en" data-theme="dark">' in client.get("/").text
    client.cookies.set("dovetail_theme", '"><script>')
    assert '<html lang="en">' in client.get("/").text


def test_a_page_is_compressed_for_whoever_can_read_it(client: httpx.Client) -> None:
    assert client.get("/").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in client.get("/", headers={"Accept-Encoding": ""}).headers


@pytest.mark.parametrize("name", ["../secret", "stall/../../x.html", "No/x.html", "web", ""])
def test_a_template_outside_its_folder_is_not_found(name: str) -> None:
    with pytest.raises(TemplateNotFound):
        environment().get_template(name)


def test_finding_a_piece_s_folder_imports_no_piece() -> None:
    code = (
        "import sys; from dovetail.web import folders; folders.templates('serving');"
        "sys.exit('dovetail.serving' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert folders.templates("serving").parts[-3:] == ("serving", "ui", "templates")


@pytest.mark.parametrize(
    ("fix", "shown"),
    [
        ("dovetail serving run", ("", "dovetail serving run")),
        ("list them with: dovetail token list", ("List them with:", "dovetail token list")),
        ("use editor, approver", ("Use editor, approver", "")),
    ],
)
def test_a_fix_is_words_or_a_command_to_copy(fix: str, shown: tuple[str, str]) -> None:
    assert split_fix(fix) == shown
