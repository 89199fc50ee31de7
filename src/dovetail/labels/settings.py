"""The `[labels]` table of dovetail.toml."""

from typing import Annotated

import msgspec
from msgspec import Meta


class LabelSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator decides about the labelling server."""

    max_import_mb: Annotated[
        int, Meta(ge=1, description="Largest body of an import or an upload, in MB.")
    ] = 250
    max_body_mb: Annotated[
        int, Meta(ge=1, description="Largest body of any other request, in MB.")
    ] = 64
    max_tasks: Annotated[
        int, Meta(ge=1, description="Tasks that one import may bring at most.")
    ] = 500_000
    max_page: Annotated[int, Meta(ge=1, description="Tasks that one page may list at most.")] = (
        10_000
    )
    outbound_allow: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts, `*.example.org`, addresses or networks where webhooks and ML "
            "backends may be although they are not public, also over plain HTTP. Loopback is "
            "allowed where the server itself answers on loopback without tokens."
        ),
    ] = ()
    secret_key: Annotated[
        str,
        Meta(
            description="What headers of webhooks and passwords of ML backends are encrypted "
            "under, 32 characters or more, the same on all servers of one database; empty means a "
            "key made in the state folder."
        ),
    ] = ""
    webhook_retries: Annotated[
        int, Meta(ge=0, description="How often a delivery that failed in passing is repeated.")
    ] = 6
    webhook_timeout: Annotated[
        float, Meta(gt=0, description="Seconds for one attempt to deliver.")
    ] = 10.0
    prelabel_seconds: Annotated[
        float,
        Meta(
            ge=0,
            description="How long who opens a task waits for an ML backend to predict it; an "
            "answer that comes later is stored.",
        ),
    ] = 2.0
    lock_seconds: Annotated[
        int,
        Meta(ge=1, description="How long a task that was handed out is kept for its annotator."),
    ] = 900
    functions: Annotated[
        str,
        Meta(
            description="Python file with labelling functions, which run with all rights of the "
            "server; empty means none."
        ),
    ] = ""
    source_allow: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts, `*.` and a suffix, addresses or networks at which models and "
            "endpoints may be asked for labels although they are not public, and over plain HTTP."
        ),
    ] = ()
    source_seconds: Annotated[
        float, Meta(gt=0, description="Longest wait for an answer of a model or endpoint.")
    ] = 30.0
    artifacts: Annotated[
        str,
        Meta(
            description="Folder or `s3://bucket/prefix` for uploaded files and snapshots; empty "
            "means `artifacts` in the state folder."
        ),
    ] = ""
    embed_texts: Annotated[
        str,
        Meta(
            description="Served model that turns texts into vectors, `http://host/v2/models/NAME`, "
            "for AI labellers that ask for it."
        ),
    ] = ""
    embed_images: Annotated[
        str, Meta(description="Served model that turns images into vectors, likewise.")
    ] = ""
