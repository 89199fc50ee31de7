import gzip
import re
from pathlib import Path

import httpx
import pytest

from dovetail.web import assets, folders, scripts

NAME = re.compile(
    r"^(?:export )?(?:async )?(?:const|let|class|function) ([A-Za-z_$][\w$]*)", re.MULTILINE
)
FOREVER = "public, max-age=31536000, immutable"


def test_an_address_with_its_hash_is_kept_for_ever(client: httpx.Client) -> None:
    answer = client.get(assets.url("web/dovetail.css"))
    assert answer.headers["cache-control"] == FOREVER
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("query", ["", "?v=0123456789abcdef"], ids=["none", "old"])
def test_an_address_without_its_hash_is_asked_again(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/static/web/dovetail.css{query}")
    assert answer.headers["cache-control"] == "no-cache"


def test_a_known_tag_is_answered_without_the_file(client: httpx.Client) -> None:
    first = client.get("/static/vendor/htmx.min.js")
    tag = first.headers["etag"]
    again = client.get("/static/vendor/htmx.min.js", headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    plain = client.get(
        "/static/vendor/htmx.min.js", headers={"If-None-Match": tag, "Accept-Encoding": ""}
    )
    assert plain.status_code == 200
    assert plain.content == (folders.static("vendor") / "htmx.min.js").read_bytes()


def test_a_changed_file_has_another_address(client: httpx.Client, stall: Path) -> None:
    before = assets.url("stall/own.js")
    assert client.get(before).text == "own();\n"
    (stall / "static" / "own.js").write_text("other();\n")
    after = assets.url("stall/own.js")
    assert after != before
    assert client.get(after).text == "other();\n"


@pytest.mark.parametrize(
    "name",
    [
        "stall/../secret.js",
        "stall/..%2fsecret.js",
        "stall//etc/passwd.js",
        "vendor/vendor.toml",
        "vendor/htmx.LICENSE",
        "web/nothing.css",
        "Web/dovetail.css",
        "nothing",
        "serving/nothing.css",
    ],
)
def test_nothing_outside_the_static_folders_is_served(client: httpx.Client, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_a_link_out_of_the_folder_is_not_followed(client: httpx.Client, stall: Path) -> None:
    (stall / "static" / "link.js").symlink_to(stall / "secret.js")
    assert client.get("/static/stall/link.js").status_code == 404


def test_joined_scripts_share_no_names_and_import_nothing() -> None:
    for part in assets.SCRIPTS:
        lines = (folders.static("web") / part).read_text().splitlines()
        assert not [line for line in lines if line.startswith(("import ", "export "))], part
        assert len(lines) <= 300, part
    text = assets.asset("web/dovetail.js").body.decode()
    assert text.count("\n{\n") == len(assets.SCRIPTS) - 1


def test_every_style_sheet_is_in_the_joined_one() -> None:
    joined = assets.asset("web/dovetail.css").body.decode()
    for sheet in folders.static("web").glob("*.css"):
        rules = [line for line in sheet.read_text().splitlines() if line and "/*" not in line]
        assert [line for line in rules if line not in joined] == [], sheet.name


@pytest.mark.parametrize(
    ("written", "served"),
    [
        ("/** What.\n * Why. */\nlet a = 1;\n", "let a = 1;\n"),
        ("  // why\nlet a = 'http://x';\n", "let a = 'http://x';\n"),
        ("f(/** @type {X} */ (a)); // kept\n", "f((a)); // kept\n"),
        ("a { b: c } /* why */\nd { e: f }\n", "a { b: c } d { e: f }\n"),
    ],
)
def test_comments_of_our_own_files_are_not_sent(
    stall: Path, client: httpx.Client, written: str, served: str
) -> None:
    (stall / "static" / "own.js").write_text(written)
    assert client.get("/static/stall/own.js").text == served


def test_the_static_files_keep_to_their_budget() -> None:
    held = [*folders.static("web").iterdir(), *folders.static("vendor").iterdir()]
    held += folders.HOUSE.glob("*/ui/static/**/*")
    assert sum(path.stat().st_size for path in held if path.is_file()) <= 700_000


def test_the_shell_of_a_list_page_keeps_to_its_budget() -> None:
    names = ["web/dovetail.css", "web/dovetail.js", "vendor/htmx.min.js", "web/mark.svg"]
    zipped = {name: len(assets.asset(name).zipped or b"") for name in names}
    assert sum(zipped.values()) <= 27_000, zipped
    for name in names:
        found = assets.asset(name)
        assert gzip.decompress(found.zipped or b"") == found.body


def test_a_script_comes_with_what_it_imports(client: httpx.Client, stall: Path) -> None:
    static = stall / "static"
    (static / "far.js").write_text("export const far = 1;\n")
    (static / "near.js").write_text(
        'import { far } from "./far.js";\n\nexport function near() {}\n'
    )
    (static / "page.js").write_text(
        'import { far } from "./far.js";\nimport {\n  near,\n} from "./near.js";\nnear(far);\n'
    )
    address = assets.url("stall/page.js")
    text = client.get(address).text
    assert text == "const far = 1;\n\n\nfunction near() {}\n\nnear(far);\n"
    (static / "far.js").write_text("export const far = 2;\n")
    assert assets.url("stall/page.js") != address
    assert client.get(assets.url("stall/page.js")).text.startswith("const far = 2;")


def test_modules_that_meet_in_one_script_share_no_names() -> None:
    for entry in folders.HOUSE.glob("*/ui/static/*.js"):
        names = [
            name
            for path in scripts.order(entry)
            for name in NAME.findall(path.read_text(encoding="utf-8"))
        ]
        assert sorted(names) == sorted(set(names)), entry
        assert len(entry.read_text(encoding="utf-8").splitlines()) <= 300, entry
