"""From what the command line says to objects, one table of kinds."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from dovetail.base.errors import InvalidInputError
from dovetail.serving.manifest import kserve, plain, seldon
from dovetail.serving.manifest.graph import read_graph
from dovetail.serving.manifest.parts import Object
from dovetail.serving.manifest.places import (
    known_formats,
    parse_entry,
    parse_repository,
    unique,
)
from dovetail.serving.manifest.wishes import (
    Between,
    Bounds,
    Wishes,
    parse_between,
    parse_bounds,
    parse_pairs,
    parse_scale,
    parse_share,
)

__all__ = ["objects"]


def objects(models: Sequence[str], kind: str, given: Mapping[str, Any]) -> list[Object]:
    """Return the objects of a command line.

    Args:
        models: `[NAME=]PLACE` each.
        kind: kserve, seldon or plain.
        given: the options by name, None where one is not given.

    Raises:
        InvalidInputError: something is wrong, saying what, why and what to do.
        NotFoundError: a path or a registry's model is not there.
    """
    entries = unique(parse_entry(entry, _formats(given["formats"])) for entry in models)
    names = [entry.name for entry in entries]
    graph = read_graph(given["graph"], names) if given["graph"] else None
    wishes = _wishes(kind, given)
    shares = [share.model for share in (wishes.canary, wishes.mirror) if share is not None]
    for name in (*shares, *wishes.trust):
        _check_name(name, names)
    folders = [parse_repository(place, n) for n, place in enumerate(given["repositories"], 1)]
    if not entries and not folders and graph is None:
        raise InvalidInputError(
            "no model is named", fix="give [NAME=]MODEL, for example models:/flights@champion"
        )
    if kind == "plain":
        return plain.objects(entries, folders, wishes)
    if kind == "kserve":
        return kserve.objects(entries, wishes, graph)
    return seldon.objects(entries, wishes, graph)


def _formats(texts: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in texts:
        model, _, format = text.rpartition("=")
        if format not in known_formats():
            raise InvalidInputError(
                f"{format!r} is no format", fix=f"known: {', '.join(known_formats())}"
            )
        found[model] = format
    return found


def _check_url(option: str, url: str | None, kind: str) -> str:
    """Return a URL that a pod can call; empty for none."""
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidInputError(
            f"--{option} {url!r} is no URL", fix=f"give --{option} http://HOST:PORT"
        )
    is_here = parts.hostname in ("localhost", "::1") or parts.hostname.startswith("127.")
    if is_here and kind != "seldon":
        raise InvalidInputError(
            f"--{option} {url!r} is the pod itself once it runs in the cluster",
            fix=f"give the name that the cluster knows it by: --{option} http://NAME.NAMESPACE:PORT",
        )
    return url


def _check_name(name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise InvalidInputError(
            f"{name!r} is not among the models",
            fix=f"name one of: {', '.join(names)}" if names else "name the models too",
        )


def _wishes(kind: str, given: Mapping[str, Any]) -> Wishes:
    # KServe's own callers carry no token of ours; elsewhere the user says who may call.
    anonymous = given["anonymous"] if given["anonymous"] is not None else kind == "kserve"
    return Wishes(
        name=given["name"] or "",
        namespace=given["namespace"] or "",
        image=given["image"],
        replicas=parse_between(given["replicas"]) if given["replicas"] else Between(),
        scale=parse_scale(given["scale_on"]) if given["scale_on"] else None,
        cpu=parse_bounds(given["cpu"]) if given["cpu"] else Bounds(),
        memory=parse_bounds(given["memory"]) if given["memory"] else Bounds(),
        concurrency=given["concurrency"] or 0,
        timeout=given["timeout"] or 0,
        env=parse_pairs(given["env"], "variable"),
        secrets=tuple(given["secrets"]),
        trust=tuple(given["trust"]),
        service_account=given["service_account"] or "",
        registry=_check_url("registry", given["registry"], kind),
        payload_log=_check_url("payload-log", given["payload_log"], kind),
        canary=parse_share(given["canary"]) if given["canary"] else None,
        mirror=parse_share(given["mirror"]) if given["mirror"] else None,
        anonymous=anonymous,
        mode=given["mode"] or "standard",
        protocol=given["protocol"] or "v2",
        server=given["server"] or "",
    )
