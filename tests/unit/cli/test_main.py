"""The table of commands and what errors become; commands run in this process."""

import importlib

import click
import pytest
from click.testing import CliRunner

from dovetail import cli
from dovetail.base.errors import InvalidInputError, MissingExtraError, NotFoundError
from dovetail.wire.http import NotFound, Unreachable


def fail_with(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli.Lazy, "get_command", lambda *_: failing)
    with pytest.raises(SystemExit) as ended:
        cli.main(["up"])
    return int(ended.value.code or 0)


ERRORS = {
    "wrong use": (InvalidInputError("x is y", fix="write z"), 2, "dovetail: x is y. write z.\n"),
    "missing extra": (
        MissingExtraError("reading", "polars", "data"), 2,
        "dovetail: reading needs the library 'polars', which is not installed. "
        "from a clone, run: pip install '.[data]'.\n",
    ),
    "not found": (NotFoundError("no x"), 1, "dovetail: no x.\n"),
    "over the wire": (
        NotFound("no x", status=404, url="http://a/x"), 1, "dovetail: 404: no x (http://a/x)\n",
    ),
    "nobody there": (
        Unreachable("no answer: refused", url="http://a"), 1,
        "dovetail: no answer: refused (http://a). "
        "start it, or name another address with --url or in dovetail.toml.\n",
    ),
    "a file": (
        PermissionError(13, "Permission denied", "/x/y"), 1,
        "dovetail: '/x/y' cannot be used. Permission denied. "
        "check that it is there and that you may write it.\n",
    ),
    "a bug": (
        ZeroDivisionError("division by zero"), 1,
        "dovetail: unexpected ZeroDivisionError: division by zero. "
        "this is a bug; for the traceback, set DOVETAIL_DEBUG=1.\n",
    ),
    "interrupted": (KeyboardInterrupt(), 130, "\n"),
}  # fmt: skip


@pytest.mark.parametrize(("error", "code", "message"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_is_one_message_and_a_code(error, code, message, monkeypatch, capsys):
    assert fail_with(error, monkeypatch) == code
    assert capsys.readouterr().err == message


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setenv("DOVETAIL_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        fail_with(ZeroDivisionError(), monkeypatch)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_there_and_says_what_it_does(name):
    module, _, attribute = cli.COMMANDS[name][0].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    done = CliRunner().invoke(command, ["--help"])
    assert done.exit_code == 0
    assert command.help
