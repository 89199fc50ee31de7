"""The table `[tracking]` of `dovetail.toml`."""

from typing import Annotated

import msgspec

__all__ = ["TrackingSettings"]


def _about(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class TrackingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where runs, models and artifacts are kept."""

    database: Annotated[
        str, _about("Database URL; empty means that of `[server]`, or SQLite in the state folder.")
    ] = ""
    artifacts: Annotated[
        str,
        _about(
            "Folder or `s3://bucket/prefix` for artifacts; empty means `artifacts` in the state "
            "folder."
        ),
    ] = ""
    serve_artifacts: Annotated[bool, _about("Let clients store artifacts through this server.")] = (
        True
    )
    default_artifact_root: Annotated[
        str,
        _about("URI below which experiments keep artifacts; empty means behind this server."),
    ] = ""
