"""The table `[serving]` of `dovetail.toml`."""

from typing import Annotated

import msgspec

__all__ = ["ServingSettings"]


def _about(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class ServingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is served, and how."""

    models: Annotated[
        tuple[str, ...],
        _about(
            "Models to serve from the start: `models:/NAME/VERSION`, `models:/NAME@ALIAS` (followed"
            " when the alias moves), or `[NAME=]PATH`."
        ),
    ] = ()
    follow_seconds: Annotated[
        float, msgspec.Meta(gt=0, description="Seconds between looks at the followed aliases.")
    ] = 2.0
    compile: Annotated[
        bool, _about("Serve the compiled form of a model where it agrees with the original.")
    ] = True
    isolate: Annotated[
        bool,
        _about(
            "Compile in a process of its own: a damaged model cannot take the server down, and the"
            " memory that compiling needs is given back."
        ),
    ] = True
    payload_log: Annotated[
        str,
        _about(
            "Where requests and answers go as CloudEvents: `monitoring` for the joint of that"
            " name, a URL, or empty for nowhere."
        ),
    ] = ""
    payload_queue: Annotated[
        int, msgspec.Meta(ge=1, description="Requests kept for the payload log's sink at most.")
    ] = 10_000
    folders: Annotated[
        tuple[str, ...],
        _about("Folders from which clients and registries may have models loaded by path."),
    ] = (".",)
    trusted: Annotated[
        tuple[str, ...],
        _about(
            "What may execute code when it is loaded, as pickles and Python files do: folders,"
            " files, `models:/NAME` or `models:/NAME/VERSION` (with `*` and `?`). Nothing else"
            " makes a model trusted."
        ),
    ] = ()
    max_body_mb: Annotated[
        int, msgspec.Meta(ge=1, description="Largest request body in MiB, unpacked.")
    ] = 256
