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
    presigned_urls: Annotated[
        bool,
        _about(
            "Send clients with large files straight to the S3 bucket; turn it off where they "
            "cannot reach it."
        ),
    ] = True
    default_artifact_root: Annotated[
        str,
        _about("URI below which experiments keep artifacts; empty means behind this server."),
    ] = ""
    webhook_allow: Annotated[
        tuple[str, ...],
        _about(
            "Hosts, `*.example.org`, addresses or networks that webhooks may call although they "
            "are not public, also over plain HTTP."
        ),
    ] = ()
    webhook_key: Annotated[
        str,
        _about(
            "What secrets of webhooks are encrypted under, 32 characters or more, the same on all "
            "servers of one database; empty means a key made in the state folder."
        ),
    ] = ""
    webhook_retries: Annotated[
        int,
        msgspec.Meta(ge=0, le=20, description="How often a delivery that failed is tried again."),
    ] = 8
    webhook_timeout: Annotated[
        float, msgspec.Meta(gt=0, le=300, description="Seconds for one attempt to deliver.")
    ] = 30.0
    grace_days: Annotated[
        float,
        _about("Days for which deleted things can be restored before tidying removes them."),
        msgspec.Meta(ge=0),
    ] = 30.0
