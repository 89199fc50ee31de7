"""What answers behind a joint: the doctor and the first page ask alike.

A probe speaks the joint's own protocol through its client, so it finds a real MLflow or MLServer
as well as our own pieces.
"""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from dovetail.app.configuration import Configuration
from dovetail.base.errors import DovetailError
from dovetail.web.piece import Endpoint
from dovetail.wire import feast, governance, mlflow, monitoring, open_inference
from dovetail.wire.http import HttpClient, WireError

__all__ = ["PROTOCOLS", "Probe", "probe", "probe_all"]

TIMEOUT = 3.0
Ask = Callable[[Endpoint, float], tuple[str, str]]
PROTOCOLS = {
    "data": "Delta Lake",
    "labels": "Label Studio REST",
    "features": "Feast feature server",
    "tracking": "MLflow REST",
    "governance": "MLflow REST guard, OpenLineage",
    "serving": "Open Inference v2",
    "monitoring": "CloudEvents",
    "loop": "client of the others",
}
REMEDIES = {
    "data": "tables are not versioned or validated",
    "labels": "nobody labels data, or elsewhere",
    "features": "training and serving may compute features differently",
    "tracking": "no run, model or version is recorded",
    "governance": "aliases move without evidence or record",
    "serving": "no model answers",
    "monitoring": "nobody notices when the model goes wrong",
    "loop": "nothing retrains by itself",
}


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What was found behind one joint.

    Attributes:
        joint: its name.
        protocol: what is spoken there.
        filled_by: `embedded`, `off` or the URL.
        alive: whether it answered; None where it is off.
        version: what it says it is.
        detail: what it can do, or why it does not answer.
        fix: what to do about it.
        seconds: how long it took to answer.
    """

    joint: str
    protocol: str
    filled_by: str
    alive: bool | None
    version: str = ""
    detail: str = ""
    fix: str = ""
    seconds: float | None = None


def probe(
    joint: str, filled_by: str, endpoint: Endpoint | None, *, timeout: float = TIMEOUT
) -> Probe:
    """Ask one joint what it is.

    Args:
        joint: its name.
        filled_by: what the settings say of it.
        endpoint: where to ask; None where the joint is off.
        timeout: seconds to wait for an answer.
    """
    known: dict[str, Any] = {
        "joint": joint,
        "protocol": PROTOCOLS[joint],
        "filled_by": filled_by,
    }
    if endpoint is None:
        fix = f'set {joint} = "embedded" under [joints]'
        return Probe(**known, alive=None, detail=REMEDIES[joint], fix=fix)
    started = time.perf_counter()
    try:
        version, detail = _ASK[joint](endpoint, timeout)
    except (WireError, DovetailError, msgspec.DecodeError) as error:
        fix = (
            "start it with: dovetail up"
            if filled_by == "embedded"
            else f"start it, or correct [joints] {joint} in dovetail.toml"
        )
        return Probe(**known, alive=False, detail=str(error), fix=fix)
    took = time.perf_counter() - started
    return Probe(**known, alive=True, version=version, detail=detail, seconds=took)


def probe_all(configuration: Configuration, connect: Callable[[str], Endpoint]) -> list[Probe]:
    """Probe every joint at once, in the order of the circle."""

    def one(joint: str) -> Probe:
        target = configuration.joints[joint]
        is_folder = joint == "data" and target not in ("embedded", "off")
        if is_folder and not target.startswith("http"):
            return _folder(target)
        return probe(joint, target, None if target == "off" else connect(joint))

    with ThreadPoolExecutor(len(PROTOCOLS)) as pool:
        return list(pool.map(one, PROTOCOLS))


def _folder(target: str) -> Probe:
    known: dict[str, Any] = {
        "joint": "data",
        "protocol": PROTOCOLS["data"],
        "filled_by": target,
    }
    tables = [path.parent.name for path in Path(target).glob("*/_delta_log")]
    if not Path(target).is_dir():
        return Probe(**known, alive=False, detail="no such folder", fix="make it, or name another")
    return Probe(**known, alive=True, detail=f"{len(tables)} tables")


def _tracking(endpoint: Endpoint, timeout: float) -> tuple[str, str]:
    with endpoint.open(mlflow.Client, timeout=timeout) as client:
        version = client.version()
        if not re.match(r"\d+\.\d+", version):
            raise DovetailError("it answers, but not as an MLflow server does")
        next(iter(client.search_experiments()), None)
    return f"MLflow {version}" if not endpoint.embedded else version, "answers searches"


def _serving(endpoint: Endpoint, timeout: float) -> tuple[str, str]:
    with endpoint.open(open_inference.Client, timeout=timeout) as client:
        server = client.server_metadata()
        ready = [entry.name for entry in client.index() if entry.state == "READY"]
    models = f"{len(set(ready))} models ready"
    extensions = ", ".join(server.extensions) or "no extensions"
    return f"{server.name} {server.version}", f"{models}; {extensions}"


def _features(endpoint: Endpoint, timeout: float) -> tuple[str, str]:
    with endpoint.open(feast.Client, timeout=timeout) as client:
        if not client.is_healthy():
            raise DovetailError("the feature server is not healthy")
    return "", "answers /health"


def _monitoring(endpoint: Endpoint, timeout: float) -> tuple[str, str]:
    with endpoint.open(monitoring.Client, timeout=timeout) as client:
        alerts = client.alerts(status="open")
    return "", f"{len(alerts)} open alerts"


def _governance(endpoint: Endpoint, timeout: float) -> tuple[str, str]:
    with endpoint.open(governance.Client, timeout=timeout) as client:
        found = client.verify()
    if not found.ok:
        raise DovetailError("the record is not intact", why=found.message)
    return "", f"{found.entries} entries, intact"


def _page(path: str) -> Ask:
    def ask(endpoint: Endpoint, timeout: float) -> tuple[str, str]:
        with endpoint.open(HttpClient, timeout=timeout) as client:
            client.send("GET", path)
        return "", f"answers {path}"

    return ask


_ASK: dict[str, Ask] = {
    "data": _page("/data.json"),
    "labels": _page("/api/version"),
    "features": _features,
    "tracking": _tracking,
    "governance": _governance,
    "serving": _serving,
    "monitoring": _monitoring,
    "loop": _page("/loop.json"),
}


def short(text: str, width: int = 72) -> str:
    """Return the first line of a text, cut to a width."""
    line = re.sub(r"\s+", " ", text)
    return line if len(line) <= width else line[: width - 1] + "…"
