"""Calls to addresses that a user gave: only where the policy lets them, with bounded answers.

The address that was checked is the one that is called, whatever a name server says a moment later;
redirects are not followed, and the environment's proxies are not asked.
"""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

import httpx

from dovetail.web.outbound import Policy
from dovetail.wire.http import BadAnswer

__all__ = ["Guarded", "SourcePolicy"]

MOST = 16 << 20


class SourcePolicy(Policy):
    """Which addresses sources may be at; see `dovetail.web.outbound`."""

    setting: ClassVar[str] = "[labels] source_allow"


class Guarded(httpx.BaseTransport):
    """A transport for `HttpClient`.

    Args:
        allow: Hosts and networks that may be called although they are not public.
        seconds: For an attempt to connect, and between two pieces of an answer.
    """

    def __init__(self, allow: Sequence[str], seconds: float = 30.0) -> None:
        self._policy = SourcePolicy(allow)
        self._inner = httpx.HTTPTransport(retries=0, trust_env=False)
        self._seconds = seconds

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Check where a request goes, send it there, and read the answer, bounded.

        Raises:
            AddressRefusedError: it may not go there.
            BadAnswer: the answer is too large.
        """
        target = asyncio.run(self._policy.find(str(request.url)))
        headers = httpx.Headers(request.headers)
        headers["Host"] = target.url.netloc.decode("ascii")
        facts = {**request.extensions, "sni_hostname": target.host}
        last: httpx.TransportError | None = None
        for address in target.addresses:
            sent = httpx.Request(
                request.method,
                target.url.copy_with(host=address),
                headers=headers,
                stream=request.stream,
                extensions=facts,
            )
            try:
                return self._bounded(self._inner.handle_request(sent), str(target.url))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                last = error
        assert last is not None
        raise last

    def _bounded(self, answer: httpx.Response, url: str) -> httpx.Response:
        parts, size = [], 0
        try:
            for part in answer.iter_raw():
                parts.append(part)
                size += len(part)
                if size > MOST:
                    raise BadAnswer(f"the answer is larger than {MOST >> 20} MB", url=url)
        finally:
            answer.close()
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=httpx.ByteStream(b"".join(parts))
        )

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()
