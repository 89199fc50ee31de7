"""Several processes that answer as one server.

A supervisor starts them on the same ports and starts anew what dies. Each loads the models of the
one store. What one of them is told to change, all hold before it is acknowledged: the worker tells
the supervisor, which has the others read the store again.
"""

from dovetail.serving.workers.fleet import ALONE, Fleet

__all__ = ["ALONE", "Fleet"]
