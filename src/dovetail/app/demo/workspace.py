"""Where the demo keeps its state, and the settings it runs with.

The user's own `dovetail.toml` counts: a joint that it points at a real MLflow or MLServer is used
as it is. The demo adds what its story needs and writes the whole to `dovetail.toml` in its state
folder, so that `dovetail up --config` of that file serves the same again.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dovetail.base import extras
from dovetail.base.errors import ConflictError
from dovetail.base.settings import ServerSettings
from dovetail.web.declared import joints_of, read_settings

__all__ = ["MODEL", "Workspace", "prepare"]

MODEL = "flights"
RECIPE = "dovetail.app.demo.recipe:make"
MARK = "demo.json"
# Retraining costs what a thousand flights a day lose in a month at 0.007 of log-loss each.
PATIENCE = {"cost": 200.0, "holdout": 14, "confidence": 0.8}


@dataclass(frozen=True)
class Workspace:
    """The demo's folder and addresses.

    Attributes:
        state: the folder; everything that the demo writes lies below it.
        config: the settings file that it runs with.
        server: the table `[server]` of that file.
        joints: what fills each joint.
    """

    state: Path
    config: Path
    server: ServerSettings
    joints: dict[str, str]

    @property
    def lake(self) -> Path:
        """The folder of the tables."""
        return self.state / "lake"

    @property
    def served(self) -> Path:
        """The folder of what was served, one file a day."""
        return self.state / "served"

    @property
    def url(self) -> str:
        """Where our own pieces answer."""
        return f"http://{self.server.host}:{self.server.port}"

    def is_on(self, joint: str) -> bool:
        """Return whether a joint is in use."""
        return self.joints[joint] != "off"


def prepare(
    state: Path, config: Path | None, *, port: int | None = None, fresh: bool = False
) -> Workspace:
    """Make the folder and the settings file.

    Args:
        state: the demo's folder.
        config: the user's settings; None means `dovetail.toml` here, if there is one.
        port: where to answer; the user's settings, or 8080, if None.
        fresh: forget an earlier run.

    Raises:
        ConflictError: the folder holds something that is not a demo, or a demo of other joints.
        SettingsError: the user's settings are not valid.
    """
    user = read_settings(config)
    server = user.table("server", ServerSettings, {"port": port})
    joints = joints_of(user)
    _claim(state, joints, fresh)
    server = msgspec.structs.replace(server, state=str(state.absolute()), synchronous="normal")
    tables = _with_story(dict(user.tables), state)
    tables["server"] = _non_default(server)
    tables["joints"] = joints
    file = state / "dovetail.toml"
    file.write_bytes(_toml(tables))
    return Workspace(state, file, server, joints)


def _claim(state: Path, joints: dict[str, str], fresh: bool) -> None:
    mark = state / MARK
    if state.exists() and any(state.iterdir()) and not mark.exists():
        raise ConflictError(
            f"folder {str(state)!r} is not empty and not a demo's",
            fix="name another with --state",
        )
    if fresh and mark.exists():
        shutil.rmtree(state)
    state.mkdir(parents=True, exist_ok=True)
    if not mark.exists():
        mark.write_bytes(msgspec.json.encode({"joints": joints}))
        return
    before = msgspec.json.decode(mark.read_bytes())["joints"]
    if before != joints:
        changed = ", ".join(name for name in joints if before.get(name) != joints[name])
        raise ConflictError(
            f"the demo in {str(state)!r} was made with other joints ({changed})",
            fix="start afresh with --fresh, or name another folder with --state",
        )


def _with_story(tables: dict[str, Any], state: Path) -> dict[str, Any]:
    """Add what the story needs where the user says nothing."""
    definitions = Path(__file__).with_name("definitions.py")
    story: dict[str, dict[str, Any]] = {
        "data": {"root": str((state / "lake").absolute())},
        "features": {
            "definitions": str(definitions),
            "root": str((state / "lake").absolute()),
        },
        "governance": {"gates": [{"model": MODEL, "alias": "champion"}]},
        "serving": {"payload_log": "monitoring"},
        "loop": {"model": MODEL, "recipe": RECIPE, "pinned": ["1"], **PATIENCE},
    }
    for name, values in story.items():
        tables[name] = {**values, **tables.get(name, {})}
    return tables


def _toml(tables: dict[str, Any]) -> bytes:
    writer = extras.require("tomli_w", extra="demo", feature="the demo")
    return str(writer.dumps(tables)).encode()


def _non_default(server: ServerSettings) -> dict[str, Any]:
    plain = msgspec.structs.asdict(ServerSettings())
    given = msgspec.structs.asdict(server)
    return {name: value for name, value in given.items() if value != plain[name]}
