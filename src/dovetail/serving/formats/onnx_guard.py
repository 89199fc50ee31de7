"""What keeps a hostile ONNX file from taking the server with it.

A graph cannot execute code of its own, but it can ask for more memory than there is, loop for
ever, or unfold: functions that call functions twice each double with every level. Memory is bounded
by one arena for all models, loops by a clock, and unfolding is counted before it happens. What is
not bounded: a graph without loops runs as long as its nodes take.
"""

import functools
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from dovetail.base.extras import require
from dovetail.serving.errors import BadModelError, InferenceFailedError

__all__ = ["LOOP_SECONDS", "bound_memory", "check_functions", "said", "within_time", "words_in"]

LOOP_SECONDS = 20.0
"""Longest call of a graph that has loops."""

_MOST_NODES = 200_000
_FUNCTIONS = 25  # the field of ModelProto
_SHARE = 0.75
_WORDS = (b"location", b"Loop", b"Scan")
_CHUNK = 1 << 20
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_WHERE = re.compile(r"(?:[\w/.]*/onnxruntime_src/\S+|\w+\.cc:\d+) .*?\)? (?=[A-Z])")
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")


@functools.cache
def bound_memory() -> bool:
    """Give all sessions of this process one arena of three quarters of the machine's memory.

    A tensor that does not fit fails its own request; without a bound the kernel would end the
    server.

    Returns:
        Whether sessions may use it.
    """
    runtime = require("onnxruntime", extra="serving", feature="an ONNX model")
    try:
        kind, memory = runtime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, runtime.OrtMemType.DEFAULT
        place = runtime.OrtMemoryInfo("Cpu", kind, 0, memory)
        arena = runtime.OrtArenaCfg(
            {
                "max_mem": int(_memory() * _SHARE),
                "arena_extend_strategy": 1,  # as much as is asked for, not twice as much
                "initial_chunk_size_bytes": -1,
                "max_dead_bytes_per_chunk": -1,
            }
        )
        runtime.create_and_register_allocator(place, arena)
    except (AttributeError, RuntimeError):  # an onnxruntime that has no such arena
        return False
    return True


def _memory() -> int:
    """Return the bytes that this process may use: of its container, else of the machine."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = int(_CGROUP.read_text())
    except (OSError, ValueError):
        return whole
    return min(limit, whole)


def words_in(file: Path) -> frozenset[bytes]:
    """Return which telling words a file holds, read once and never whole.

    They are `location` (of external data) and the operators that loop.
    """
    found: set[bytes] = set()
    kept = b""
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            text = kept + chunk
            found.update(word for word in _WORDS if word in text)
            kept = chunk[-16:]
    return frozenset(found)


def within_time(run: Any, names: list[str], feed: Any) -> Any:
    """Run a session, and end it when it takes too long.

    Args:
        run: the session's `run`.
        names: the outputs to give.
        feed: the inputs.

    Raises:
        InferenceFailedError: it was ended.
    """
    runtime = require("onnxruntime", extra="serving", feature="an ONNX model")
    options = runtime.RunOptions()
    ended = threading.Event()

    def end() -> None:
        ended.set()
        options.terminate = True

    clock = threading.Timer(LOOP_SECONDS, end)
    clock.daemon = True
    clock.start()
    try:
        return run(names, feed, options)
    except Exception as error:
        if not ended.is_set():
            raise
        raise InferenceFailedError(
            f"the model did not end within {LOOP_SECONDS:g} s", why="its graph has a loop"
        ) from error
    finally:
        clock.cancel()


def check_functions(file: Path) -> None:
    """Refuse a model whose functions unfold to more than 200,000 nodes, or call themselves.

    Raises:
        BadModelError: they do, or it is not ONNX.
    """
    if not _has_functions(file):
        return
    onnx = require("onnx", extra="serving", feature="an ONNX model with functions")
    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception as error:
        raise BadModelError(file, f"it is not ONNX: {said(error)}") from error
    calls = {(f.domain, f.name): Counter(_operators(f.node)) for f in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(name: tuple[str, str], above: tuple[tuple[str, str], ...]) -> int:
        if name not in calls:
            return 1
        if name in above or len(above) > 100:
            raise BadModelError(file, f"its function {name[1]!r} calls itself, or nests too deeply")
        if name not in sizes:
            sizes[name] = sum(n * size(c, (*above, name)) for c, n in calls[name].items())
        return sizes[name]

    if sum(size(name, ()) for name in _operators(model.graph.node)) > _MOST_NODES:
        raise BadModelError(file, f"its functions unfold to over {_MOST_NODES} nodes")


def _operators(nodes: Any) -> Iterator[tuple[str, str]]:
    for node in nodes:
        yield node.domain, node.op_type
        for attribute in node.attribute:
            yield from _operators(attribute.g.node)
            for graph in attribute.graphs:
                yield from _operators(graph.node)


def _has_functions(file: Path) -> bool:
    """Whether a model has functions, from its outermost fields alone."""
    with file.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        while stream.tell() < size:
            tag = _varint(stream)
            if tag is None:
                return False
            number, kind = tag >> 3, tag & 7
            if number == _FUNCTIONS:
                return True
            length = {1: 8, 5: 4}.get(kind, 0)
            if kind in (0, 2):
                value = _varint(stream)
                if value is None:
                    return False
                length = value if kind == 2 else 0
            elif not length:
                return False  # no protobuf; onnxruntime says so
            if length > size:
                return False
            stream.seek(length, os.SEEK_CUR)
    return False


def _varint(stream: BinaryIO) -> int | None:
    value = 0
    for shift in range(0, 70, 7):
        byte = stream.read(1)
        if not byte:
            return None
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    return None


def said(error: Exception) -> str:
    """Return what onnxruntime said, without the places in its own source."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    text = _CODE.sub("", lines[0])
    found = list(_WHERE.finditer(text))
    return (text[found[-1].end() :] if found else text)[:400]
