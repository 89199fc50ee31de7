"""The monitoring server and the events of its own tests, beside what others speak."""

from tests.unit.monitoring.conftest import log, server, start

__all__ = ["log", "server", "start"]
