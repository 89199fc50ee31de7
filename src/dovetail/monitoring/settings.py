"""The table `[monitoring]` of dovetail.toml."""

from typing import Annotated

import msgspec


def _about(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class MonitoringSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may choose of monitoring."""

    alpha_per_year: Annotated[
        float,
        msgspec.Meta(
            gt=0,
            lt=1,
            description="Chance of any false alarm for one model version in a year of closed days "
            "on which nothing changes; half goes to drift, half to performance where the reference "
            "has labels.",
        ),
    ] = 0.05
    webhook: Annotated[
        str,
        _about(
            "URL that gets every alert as a CloudEvent. It is called wherever it points, private "
            "addresses included, because only the operator can set it; redirects are not followed."
        ),
    ] = ""
    webhook_token: Annotated[str, _about("Bearer token for the webhook.")] = ""
    rules: Annotated[
        str, _about("File of alert rules: which findings alert, how severe, who is told.")
    ] = ""
    business: Annotated[
        tuple[str, ...],
        _about(
            "Figures of one's own: functions like `figures.py:cost` or `shop.figures:cost`, which "
            "take the answers and labels of labelled rows and return one number a row, or one for "
            "all. They run inside the server."
        ),
    ] = ()
    receiver_allow: Annotated[
        tuple[str, ...],
        _about(
            "Hosts, `*.` and a suffix, addresses or networks that receivers in the rules may have "
            "although they are not public, and over plain HTTP."
        ),
    ] = ()
    resend_seconds: Annotated[
        int,
        msgspec.Meta(ge=1, description="How often an Alertmanager is told of an alert that lasts."),
    ] = 60
    public_url: Annotated[
        str, _about("Where people reach this server; begins the links in alerts.")
    ] = ""
    keep_days: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="Rows of a day are deleted when nothing has arrived for it for so many "
            "days; 0 keeps them for ever. Findings, alerts and references stay.",
        ),
    ] = 400
    keep_feature_days: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="Features of a closed day are dropped when nothing has arrived for it for "
            "so many days, and profiles of its hours take their place; scores and outcomes stay "
            "for `keep_days`. 0 keeps features as long as rows.",
        ),
    ] = 0
    tap: Annotated[
        str,
        _about(
            "Address of an Open Inference server that sends no payload log. What comes to "
            "`tap_port` is passed on to it unchanged, and inferences are logged."
        ),
    ] = ""
    tap_port: Annotated[
        int, msgspec.Meta(ge=0, le=65535, description="Where the tap listens; 0 for a free port.")
    ] = 8090
    tables: Annotated[
        str, _about("File that says which tables to read predictions and outcomes from.")
    ] = ""
    table_seconds: Annotated[
        int, msgspec.Meta(ge=1, description="How often to look for what is new in tables.")
    ] = 60
    settle_minutes: Annotated[
        int,
        msgspec.Meta(
            ge=0,
            description="A UTC day that has passed is closed by itself once nothing has arrived "
            "for it during this time.",
        ),
    ] = 60
    tick_seconds: Annotated[
        int, msgspec.Meta(ge=0, description="How often to look for days to close; 0 for never.")
    ] = 60
    outlier_rate: Annotated[
        float,
        msgspec.Meta(
            gt=0,
            lt=1,
            description="Share of rows that may be called outliers though nothing is wrong with "
            "them; for references that are put from then on, with 2 / this rate of rows or more.",
        ),
    ] = 0.001
    shadow_features: Annotated[
        bool, _about("Keep the features of shadow requests too; they are not needed for drift.")
    ] = False
    max_body_mb: Annotated[
        int, msgspec.Meta(ge=1, description="Largest call to /monitoring/events, in megabytes.")
    ] = 64
