"""A model is compiled once, in a process of its own."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest

from dovetail.base.errors import IntegrityError, UnavailableError, UntrustedError
from dovetail.serving import BadModelError, Model, isolation, nursery
from dovetail.serving.isolation import Forms

ROWS = np.random.default_rng(0).normal(size=(20, 4))


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    return Forms(tmp_path_factory.mktemp("forms"))


def choose(forms, file, digest="d" * 64):
    predictor, record = forms.choose(file, digest)
    return predictor.run({"input": ROWS})["predict"], record


def test_the_form_is_made_once_and_opened_without_the_library(forms, model_file):
    answer, record = choose(forms, model_file)
    np.testing.assert_allclose(answer, Model.load(model_file, compile=False).predict(ROWS))
    assert record.compiled
    program = f"""
        import sys
        from pathlib import Path
        from dovetail.serving.isolation import Forms
        predictor, record = Forms(Path({str(forms._root)!r})).choose(
            Path({str(model_file)!r}), "d" * 64
        )
        assert record.compiled
        assert predictor.signature.columns == ("Column_0", "Column_1", "Column_2", "Column_3")
        found = {{"lightgbm", "sklearn", "pandas", "onnx"}} & set(sys.modules)
        assert not found, found
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True)


def test_a_form_that_was_changed_is_made_anew(forms, model_file):
    before, _ = choose(forms, model_file)
    (graph,) = forms._root.glob("*/form.msgpack")
    graph.write_bytes(graph.read_bytes()[:-8] + b"12345678")
    with pytest.raises(IntegrityError, match="was changed"):
        choose(forms, model_file)
    np.testing.assert_array_equal(choose(forms, model_file)[0], before)


def test_a_damaged_model_says_the_same_as_in_this_process(forms, tmp_path):
    (tmp_path / "late.txt").write_text("tree\nversion=v4\n")
    with pytest.raises(BadModelError, match="the file is truncated"):
        choose(forms, tmp_path / "late.txt", "e" * 64)


def test_a_pickle_is_refused_as_in_this_process(forms, tmp_path, model_file):
    shutil.copy(model_file, tmp_path / "model.pkl")
    (tmp_path / "MLmodel").write_text("flavors: {lightgbm: {data: model.pkl}}\n")
    with pytest.raises(UntrustedError, match="could execute code"):
        choose(forms, tmp_path, "f" * 64)


def test_a_model_that_ends_the_process_fails_alone(forms, tmp_path, model_file, monkeypatch):
    killer = tmp_path / "python"
    killer.write_text("#!/bin/sh\necho about to die >&2\nkill -SEGV $$\n")
    killer.chmod(0o755)
    monkeypatch.setattr(isolation.sys, "executable", str(killer))
    with pytest.raises(BadModelError) as caught:
        choose(forms, model_file, "a" * 64)
    assert "the process that read it ended with -11" in str(caught.value)
    assert "about to die" in str(caught.value)


def fake_python(tmp_path, monkeypatch, script):
    killer = tmp_path / "python"
    killer.write_text(f"#!/bin/sh\n{script}\n")
    killer.chmod(0o755)
    monkeypatch.setattr(isolation.sys, "executable", str(killer))


def test_a_model_that_never_ends_is_ended(forms, tmp_path, model_file, monkeypatch):
    fake_python(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(isolation, "_SECONDS", 0.2)
    with pytest.raises(BadModelError, match=r"more than 0.2 seconds, and was ended"):
        choose(forms, model_file, "b" * 64)
    assert not list(forms._root.glob(".*"))


def test_a_model_that_asks_for_all_memory_fails_alone(forms, tmp_path, model_file, monkeypatch):
    program = isolation._PROGRAM.replace(
        "from dovetail",
        "from dovetail.serving import formats;"
        " formats.load = lambda p, trusted: bytearray(9 << 30); from dovetail",
        1,
    )
    monkeypatch.setattr(isolation, "_PROGRAM", program)
    with pytest.raises(BadModelError, match="takes more than 8 GiB of memory"):
        choose(forms, model_file, "c" * 64)


def test_a_form_of_other_versions_of_the_libraries_is_made_anew(forms, model_file, monkeypatch):
    choose(forms, model_file)
    before = set(forms._root.iterdir())
    monkeypatch.setattr(isolation, "version", lambda library: f"{library}-next")
    choose(forms, model_file)
    (added,) = set(forms._root.iterdir()) - before
    assert "lightgbm-next" in added.name
    assert "xgboost" not in added.name


def test_copies_that_are_loaded_at_once_are_compiled_once(forms, model_file, monkeypatch):
    made = []
    make = Forms._make
    monkeypatch.setattr(Forms, "_make", lambda *known: made.append(1) or make(*known))
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(forms.choose, model_file, "9" * 64) for _ in range(4)]
    assert all(future.result()[1].compiled for future in futures)
    assert len(made) == 1
    assert not list(forms._root.glob("*.lock"))


def test_a_server_that_stops_does_not_wait_for_a_model_to_be_compiled(tmp_path, model_file, until):
    forms = Forms(tmp_path)
    slow = textwrap.dedent(f"""
        import time, pathlib
        pathlib.Path({str(tmp_path / "begun")!r}).touch()
        time.sleep(600)
    """)
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.setattr(isolation, "_PROGRAM", slow)
        made = pool.submit(forms.choose, model_file, "f" * 64)
        until((tmp_path / "begun").exists)
        forms.stop()
        with pytest.raises(UnavailableError, match="the server was told to stop"):
            made.result(timeout=30)
    with pytest.raises(UnavailableError, match="the server was told to stop"):
        forms.choose(model_file, "f" * 64)
    assert not list(tmp_path.glob("*/form.msgpack"))


@pytest.fixture
def started(monkeypatch):
    """The processes that are started while a test runs."""
    made = []
    parent = nursery._Parent
    monkeypatch.setattr(nursery, "_Parent", lambda kind: made.append(kind) or parent(kind))
    return made


@pytest.fixture
def own(tmp_path):
    """Forms with processes of their own."""
    forms = Forms(tmp_path / "forms")
    yield forms
    forms.stop()


def linear(folder, seed):
    from sklearn.linear_model import LinearRegression

    random = np.random.default_rng(seed)
    file = folder / f"m{seed}.joblib"
    joblib.dump(LinearRegression().fit(ROWS, random.normal(size=len(ROWS))), file)
    return file


def test_models_share_the_import_of_their_library(own, tmp_path, started):
    for seed in range(3):
        file = linear(tmp_path, seed)
        _, record = own.choose(file, f"{seed}" * 64, trusted=True)
        assert record.compiled
    assert len(started) == 1


def test_a_model_that_ends_its_child_leaves_the_next_one_alone(own, tmp_path, started):
    first = linear(tmp_path, 4)
    assert own.choose(first, "4" * 64, trusted=True)[1].compiled
    bomb = tmp_path / "bomb.pkl"
    bomb.write_bytes(b"cos\nkill\n(cos\ngetpid\n(tRI11\ntR.")
    with pytest.raises(BadModelError, match="ended with -11"):
        own.choose(bomb, "5" * 64, trusted=True)
    assert own.choose(linear(tmp_path, 6), "6" * 64, trusted=True)[1].compiled
    assert len(started) == 1


def test_a_process_that_was_killed_while_it_waited_is_replaced(own, tmp_path, started):
    own.choose(linear(tmp_path, 7), "7" * 64, trusted=True)
    ((parent,),) = own._nursery._idle.values()
    os.kill(parent._process.pid, signal.SIGKILL)
    assert own.choose(linear(tmp_path, 8), "8" * 64, trusted=True)[1].compiled
    assert len(started) == 2


def test_a_process_that_has_nothing_to_do_ends(own, tmp_path, started, monkeypatch):
    monkeypatch.setattr(nursery, "IDLE_SECONDS", 0.05)
    own.choose(linear(tmp_path, 9), "a1" * 32, trusted=True)
    for _ in range(100):
        if not any(own._nursery._idle.values()):
            return
        time.sleep(0.05)
    raise AssertionError("it still waits")


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells when a parent ends")
def test_a_server_that_is_killed_leaves_no_process_behind(tmp_path, until):
    (tmp_path / "slow.pkl").write_bytes(b"ctime\nsleep\n(I300\ntR.")
    program = f"""
        import threading, time
        from pathlib import Path
        from dovetail.serving.isolation import Forms
        forms = Forms(Path({str(tmp_path / "forms")!r}))
        slow = Path({str(tmp_path / "slow.pkl")!r})
        made = threading.Thread(target=lambda: forms.choose(slow, "0" * 64, trusted=True))
        made.start()
        while not forms._nursery._busy:
            time.sleep(0.01)
        (parent,) = forms._nursery._busy
        print(parent._process.pid, flush=True)
    """
    server = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    )
    parent = int(server.stdout.readline())
    children = Path(f"/proc/{parent}/task/{parent}/children")
    until(lambda: children.read_text().strip())
    child = int(children.read_text())
    server.kill()
    server.communicate()
    until(lambda: not Path(f"/proc/{child}").exists() and not Path(f"/proc/{parent}").exists())
