"""The how-to is true: its Python runs, and its calls work in the order in which it gives them."""

import re
import shlex
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "monitoring.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the pages are not in this copy")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), flags=re.S)


def test_the_python_of_the_how_to_runs(capsys):
    exec(compile("".join(blocks("python")), "monitoring.md", "exec"), {})
    assert capsys.readouterr().out.startswith("wind 2")


def test_the_calls_of_the_how_to_work_in_order(server):
    calls = [
        command.partition("\n{")[0].partition("\n[]")[0].replace("\\\n", " ")
        for block in blocks("console")
        for command in block.split("$ ")
        if command.startswith("curl")
    ]
    assert len(calls) == 11
    for call in calls:
        words = iter(shlex.split(call)[1:])
        method, url, headers, body = "GET", "", {}, None
        for word in words:
            if word == "-X":
                method = next(words)
            elif word == "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            elif word == "-d":
                body, method = next(words), "POST" if method == "GET" else method
            else:
                url = word.removeprefix("http://127.0.0.1:8080")
        answer = server.http.request(method, url, headers=headers, content=body)
        assert answer.status_code == (404 if "/ID/" in url else 200), (call, answer.text)
