"""The payload log: what was asked and answered, told to one or several sinks.

`log.PayloadLog` is all that the server knows. Each sink has a bounded `queue` of its own and a
thread that empties it, so one that hangs holds up neither an answer nor another sink. `http` sends
CloudEvents as KServe does (`events` writes them), `parquet` keeps files that any table engine reads
(`columns` lays tensors out).
"""

from dovetail.serving.payload.log import PayloadLog
from dovetail.serving.payload.settings import PayloadSink

__all__ = ["PayloadLog", "PayloadSink"]
