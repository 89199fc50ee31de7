"""The signature of a webhook's delivery, for both ends.

MLflow signs the delivery's id, the time in seconds and the body, joined by full stops, with
HMAC-SHA256. A receiver verifies the bytes that it got, refuses an old time, and drops an id that it
has seen: a delivery may come twice, an id always means the same event.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping

__all__ = ["DELIVERY", "SIGNATURE", "TIMESTAMP", "sign", "verify"]

SIGNATURE = "X-MLflow-Signature"
TIMESTAMP = "X-MLflow-Timestamp"
DELIVERY = "X-MLflow-Delivery-Id"
VERSION = "v1"


def sign(secret: str, delivery_id: str, timestamp: str, body: bytes) -> str:
    """Return the value of the signature's header.

    Args:
        secret: what sender and receiver share.
        delivery_id: as in its header.
        timestamp: as in its header, seconds since 1970.
        body: as it goes over the wire.

    Examples:
        >>> sign("secret", "1", "0", b"{}")
        'v1,Qz8berDYiwuYjWGq74EWXhASRflUh3LjswICZFJ53LI='
    """
    content = f"{delivery_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret.encode(), content, hashlib.sha256).digest()
    return f"{VERSION},{base64.b64encode(digest).decode()}"


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = 300,
    now: float | None = None,
) -> bool:
    """Return whether a delivery was signed with a secret, not long ago.

    Args:
        secret: what sender and receiver share.
        headers: of the delivery; a mapping that ignores case, as every server gives it.
        body: as it came over the wire.
        tolerance: how many seconds the time may be off.
        now: seconds since 1970; the machine's clock if None.
    """
    given = headers.get(SIGNATURE, "")
    timestamp, delivery = headers.get(TIMESTAMP, ""), headers.get(DELIVERY, "")
    try:
        off = abs((time.time() if now is None else now) - int(timestamp))
    except ValueError:
        return False
    expected = sign(secret, delivery, timestamp, body)
    return off <= tolerance and hmac.compare_digest(given.encode(), expected.encode())
