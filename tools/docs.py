"""Write the reference in `docs/reference` from the code, so that it cannot be out of date.

Five pages: the settings of `dovetail.toml`, the commands, the HTTP routes, the metrics and the
errors. Without arguments the pages are written; `--check` touches nothing, shows how the committed
pages differ from the code, and ends with 1 if they do. `make lint` runs the check.
"""

import argparse
import difflib
import importlib
import inspect
import pkgutil
import sys
import tempfile
import tomllib
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import click
import msgspec
import prometheus_client
from starlette.routing import BaseRoute, Mount, Route

import dovetail
from dovetail.app.configuration import Configuration
from dovetail.app.home import home_routes
from dovetail.base.errors import DovetailError
from dovetail.base.settings import PREFIX, JointSettings, ServerSettings, SettingsFile
from dovetail.cli import _root as command_line
from dovetail.web.alone import Surroundings
from dovetail.web.app import create_app
from dovetail.web.auth import Tokens
from dovetail.web.piece import Piece
from dovetail.web.problems import STATUSES, status_of
from dovetail.web.routing import Index

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"
GROUP = "dovetail.pieces"
ORDER = ("data", "labels", "features", "tracking", "governance", "serving", "monitoring", "loop")
NOTE = "<!-- Written by tools/docs.py from the code; `make reference` writes it again. -->"
WIDTH = 88
ALIASES = {"/ajax-api/": "/api/", "/api/2.0/preview/": "/api/2.0/"}


def pieces() -> list[Piece]:
    """The pieces of this clone, in the order of the circle, whatever is installed."""
    declared = tomllib.loads((REFERENCE.parents[1] / "pyproject.toml").read_text())
    found = declared["project"]["entry-points"][GROUP]
    return [EntryPoint(n, found[n], GROUP).load() for n in sorted(found, key=ORDER.index)]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return [*lines, *("| " + " | ".join(row) + " |" for row in cells), ""]


def first_line(thing: object) -> str:
    """The first paragraph of a docstring on one line; empty where there is none of its own."""
    text = getattr(thing, "__doc__", None) or ""
    return " ".join(inspect.cleandoc(text).split("\n\n")[0].split())


# --- settings -------------------------------------------------------------------------------------


def settings(all_pieces: Sequence[Piece]) -> list[str]:
    """Every table and field of `dovetail.toml`."""
    lines = [
        "# Settings",
        "",
        "A setting is taken from a command's option, else from the environment, else from",
        "`dovetail.toml`, else from its default. The environment names a setting by table and",
        f"field: `{PREFIX}SERVER__PORT=9000` is `port = 9000` under `[server]`.",
        "",
    ]
    tables: list[tuple[str, type[msgspec.Struct]]]
    tables = [("server", ServerSettings), ("joints", JointSettings)]
    tables += [(piece.name, piece.settings) for piece in all_pieces]
    for name, kind in tables:
        lines += _settings_table(f"## `[{name}]`", name, kind)
    return lines


def _settings_table(heading: str, name: str, kind: type[msgspec.Struct]) -> list[str]:
    lines = [heading, ""]
    fields = msgspec.structs.fields(kind)
    if not fields:
        return [*lines, "It has no settings.", ""]
    rows = [_setting(name, kind, field) for field in fields]
    lines += table(("setting", "type", "default", "what it is"), rows)
    for field in fields:
        for inner in _structs(field.type):
            below = f"{name}.{field.encode_name}"
            lines += _settings_table(f"### `[[{below}]]`", below, inner)
    return lines


def _structs(hint: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs inside a type."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for inner in typing.get_args(hint):
        yield from _structs(inner)


def _setting(name: str, kind: type[msgspec.Struct], field: msgspec.structs.FieldInfo) -> list[str]:
    hint = typing.get_type_hints(kind, include_extras=True)[field.name]
    meta = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, msgspec.Meta)]
    about = " ".join(extra.description for extra in meta if extra.description)
    if not about:
        raise SystemExit(f"[{name}] {field.encode_name} has no description in its msgspec.Meta")
    return [f"`{field.encode_name}`", f"`{_type_name(hint)}`", _default(field), about]


def _type_name(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Annotated:
        return _type_name(hint.__origin__)
    if typing.get_origin(hint) is typing.Literal:
        return " or ".join(repr(choice) for choice in typing.get_args(hint))
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        return " or ".join(_type_name(one) for one in typing.get_args(hint))
    if typing.get_args(hint):
        inner = ", ".join("..." if one is ... else _type_name(one) for one in typing.get_args(hint))
        return f"{typing.get_origin(hint).__name__}[{inner}]"
    return "none" if hint is types.NoneType else getattr(hint, "__name__", str(hint))


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default_factory is not msgspec.NODEFAULT:
        return f"`{_toml(field.default_factory())}`"
    return "required" if field.default is msgspec.NODEFAULT else f"`{_toml(field.default)}`"


def _toml(value: Any) -> str:
    if value is None:
        return "none"
    return msgspec.json.encode(value).decode()


# --- commands -------------------------------------------------------------------------------------


def commands() -> list[str]:
    """The help of every command, word for word."""
    lines = ["# Commands", "", "Exit codes: 0 fine, 1 the answer is no, 2 wrong use.", ""]
    for name, command, context in _walk(command_line, _context(command_line, None, "dovetail")):
        lines += [f"{'##' if name.count(' ') < 2 else '###'} `{name}`", ""]
        lines += ["```text", command.get_help(context).rstrip(), "```", ""]
    return lines


def _context(command: click.Command, parent: click.Context | None, name: str) -> click.Context:
    return click.Context(command, parent, name, **command.context_settings)


def _walk(
    command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context.terminal_width = context.max_content_width = WIDTH
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _walk(child, _context(child, context, name))


# --- routes ---------------------------------------------------------------------------------------


def routes(all_pieces: Sequence[Piece]) -> list[str]:
    """Every route: those that each server has, those of `dovetail up`, then piece by piece."""
    lines = [
        "# Routes",
        "",
        "All of these answer on one address when the pieces are embedded; a piece that runs alone",
        "has its own and the common ones. Errors below a protocol's paths have the protocol's",
        "shape, all others are problem details (RFC 9457).",
        "",
    ]
    # Built, never started: what a service holds open ends with this process.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state:
        joints = dict.fromkeys((piece.name for piece in all_pieces), "embedded")
        server = ServerSettings(state=state)
        around = Surroundings(server, joints)
        tokens = Tokens(around.database_url("web"))
        index = create_app([], transport=around.transport, tokens=tokens).routes[0]
        assert isinstance(index, Index)
        common = index.routes
        settings_file = SettingsFile({}, "settings", {})
        home = home_routes(Configuration(server, joints, settings_file, {}), around, [])
        lines += ["## Every server", "", *_routes_table(common)]
        lines += ["## All pieces together", "", *_routes_table(home)]
        for piece in all_pieces:
            service = piece.build(around.context(), piece.settings())
            lines += [f"## {piece.title}", "", f"Joint: {piece.joint}.", ""]
            lines += _routes_table(service.routes)
    return lines


def _routes_table(all_routes: Sequence[BaseRoute]) -> list[str]:
    found = [
        (", ".join(sorted(methods - {"HEAD"})) or "any", path, _endpoint_doc(path, endpoint))
        for path, methods, endpoint in _flat(all_routes)
    ]
    known = {(verbs, path) for verbs, path, _ in found}
    rows, aliased = [], set()
    for verbs, path, said in found:
        other = next((a for a in ALIASES if path.startswith(a)), None)
        if other is not None and (verbs, path.replace(other, ALIASES[other], 1)) in known:
            aliased.add(other)
        else:
            rows.append([verbs, f"`{path}`", said])
    lines = table(("method", "path", "what it does"), rows)
    for other in sorted(aliased):
        lines += [f"What is below `{ALIASES[other]}` also answers below `{other}`.", ""]
    return lines


def _flat(
    all_routes: Sequence[BaseRoute], prefix: str = ""
) -> Iterator[tuple[str, set[str], object]]:
    for route in all_routes:
        if isinstance(route, Mount) and route.routes:
            yield from _flat(route.routes, prefix + route.path)
        elif isinstance(route, Mount):
            yield f"{prefix}{route.path}/{{path}}", set(), route.app
        elif isinstance(route, Route):
            yield prefix + route.path, set(route.methods or ()), route.endpoint


def _endpoint_doc(path: str, endpoint: object) -> str:
    """What a route does: the docstring of what answers, or of the view behind a page."""
    while isinstance(endpoint, partial):
        endpoint = endpoint.func
    if not (inspect.isroutine(endpoint) or inspect.isclass(endpoint)):
        endpoint = type(endpoint)
    is_page = False
    if inspect.isfunction(endpoint) and endpoint.__qualname__.startswith("page_route."):
        endpoint, is_page = inspect.getclosurevars(endpoint).nonlocals["view"], True
    said = first_line(endpoint)
    if not said:
        raise SystemExit(f"{path} is answered by {endpoint!r}, which has no docstring")
    if is_page and path.endswith(".json"):
        return f"Data of the page: {said[:1].lower()}{said[1:]}"
    return f"Page: {said[:1].lower()}{said[1:]}" if is_page else said


# --- metrics --------------------------------------------------------------------------------------


def metrics() -> list[str]:
    """Every metric that our modules count, by name."""
    import_everything()
    pythons = (
        prometheus_client.GC_COLLECTOR,
        prometheus_client.PLATFORM_COLLECTOR,
        prometheus_client.PROCESS_COLLECTOR,
    )
    # The registry has no public way from a collector to its labels.
    collectors = set(prometheus_client.REGISTRY._collector_to_names).difference(pythons)
    rows = []
    for collector in collectors:
        for family in collector.collect():
            named = [getattr(thing, "_labelnames", None) or () for thing in (collector, family)]
            labels = ", ".join(f"`{label}`" for label in named[0] or named[1])
            rows.append([f"`{_exposed(family)}`", family.type, labels, family.documentation])
    lines = ["# Metrics", "", "`GET /metrics` has them in Prometheus's text format.", ""]
    return lines + table(("metric", "type", "labels", "what it is"), sorted(rows))


def _exposed(family: Any) -> str:
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


# --- errors ---------------------------------------------------------------------------------------


def errors() -> list[str]:
    """Every error that we raise: its code, its status, what it means."""
    import_everything()
    lines = [
        "# Errors",
        "",
        "An error says what failed and on which thing, the likely cause, and the next step. Its",
        "code is stable: in problem details it is the end of `type`. The command line ends with 1.",
        "",
    ]
    rows = []
    for kind in sorted(_below(DovetailError), key=lambda k: (_rank(k), k.code, k.__name__)):
        rows.append(
            [
                f"`{kind.code}`",
                f"`{kind.__module__.split('.')[1]}.{kind.__name__}`",
                str(status_of(kind.__new__(kind))),
                first_line(kind),
            ]
        )
    if missing := set(STATUSES) - {kind.code for kind in _below(DovetailError)}:
        raise SystemExit(f"web.problems maps codes that no error has: {sorted(missing)}")
    return lines + table(("code", "class", "status", "what it means"), rows)


def _rank(kind: type) -> int:
    return ("base", "web", *ORDER, "app", "cli", "testing").index(kind.__module__.split(".")[1])


def _below(kind: type[DovetailError]) -> set[type[DovetailError]]:
    return {kind}.union(*(_below(child) for child in kind.__subclasses__()))


def import_everything() -> None:
    """Import every module of ours, so that metrics and errors are known."""
    for module in pkgutil.walk_packages(dovetail.__path__, "dovetail."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


# --- the command ----------------------------------------------------------------------------------


def reference() -> dict[str, str]:
    """The pages by file name."""
    all_pieces = pieces()
    makers: dict[str, Callable[[], list[str]]] = {
        "settings.md": partial(settings, all_pieces),
        "commands.md": commands,
        "routes.md": partial(routes, all_pieces),
        "metrics.md": metrics,
        "errors.md": errors,
    }
    return {name: "\n".join([NOTE, "", *make()]).rstrip() + "\n" for name, make in makers.items()}


def differences(pages: dict[str, str]) -> list[str]:
    """How the committed pages differ from the code, as a unified diff."""
    lines: list[str] = []
    for name, page in pages.items():
        path = REFERENCE / name
        committed = path.read_text() if path.exists() else ""
        lines += difflib.unified_diff(
            committed.splitlines(),
            page.splitlines(),
            f"docs/reference/{name}",
            "the code",
            "",
            "",
            2,
            "",
        )
    return lines


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    options = parser.parse_args()
    pages = reference()
    if options.check:
        if changed := differences(pages):
            print("\n".join([*changed, "", "docs/reference is out of date: run `make reference`"]))
            return 1
        return 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, page in pages.items():
        (REFERENCE / name).write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
