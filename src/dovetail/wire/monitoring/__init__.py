"""Dovetail's own HTTP surface for monitoring: values and a client."""

from dovetail.wire.monitoring.client import (
    Client,
)
from dovetail.wire.monitoring.feed import (
    Feed,
)
from dovetail.wire.monitoring.outliers import (
    Outlier,
    OutlierDay,
)
from dovetail.wire.monitoring.plan import (
    Outcome,
    Plan,
    Planned,
)
from dovetail.wire.monitoring.quality import (
    Arrival,
    DayQuality,
    Estimated,
    Measured,
    Point,
    Quality,
    Segment,
    Task,
)
from dovetail.wire.monitoring.standing import (
    Need,
    Standing,
    Standings,
)
from dovetail.wire.monitoring.values import (
    ALERT,
    EVENTS,
    OUTCOME,
    REQUEST,
    RESPONSE,
    Alert,
    AlertChange,
    Asked,
    ColumnDrift,
    Day,
    Drift,
    Figures,
    Interval,
    KeptReference,
    Look,
    Model,
    Month,
    Outcomes,
    Reference,
    ReferencePerformance,
    Role,
    outcome_event,
)

__all__ = [
    "ALERT",
    "EVENTS",
    "OUTCOME",
    "REQUEST",
    "RESPONSE",
    "Alert",
    "AlertChange",
    "Arrival",
    "Asked",
    "Client",
    "ColumnDrift",
    "Day",
    "DayQuality",
    "Drift",
    "Estimated",
    "Feed",
    "Figures",
    "Interval",
    "KeptReference",
    "Look",
    "Measured",
    "Model",
    "Month",
    "Need",
    "Outcome",
    "Outcomes",
    "Outlier",
    "OutlierDay",
    "Plan",
    "Planned",
    "Point",
    "Quality",
    "Reference",
    "ReferencePerformance",
    "Role",
    "Segment",
    "Standing",
    "Standings",
    "Task",
    "outcome_event",
]
