"""An HTTP transport that calls only what a policy admits, for URLs that users give.

It looks the host up, has every address checked, and connects to one that was checked, while the
certificate and the Host header stay those of the name. Redirects are the client's business: it has
to be one that does not follow them. What comes back is read only so far.
"""

import asyncio
import functools
import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import httpx

from dovetail.base.errors import TooLargeError
from dovetail.web.outbound import Policy

__all__ = ["Guarded"]

MOST = 64 << 20


class Guarded(httpx.BaseTransport):
    """The transport of one client.

    Args:
        policy: says which addresses may be called.
        most: bytes of an answer that are read at most.
    """

    def __init__(self, policy: Policy, *, most: int = MOST) -> None:
        self._policy, self._most = policy, most
        self._plain = httpx.HTTPTransport(verify=False, trust_env=False)
        self._secure: httpx.HTTPTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to an address that was checked.

        Raises:
            DovetailError: the policy refuses the URL.
            httpx.TransportError: nobody answers.
        """
        target = asyncio.run(self._policy.find(str(request.url)))
        request.extensions = {**request.extensions, "sni_hostname": target.host}
        inner = self._inner(target.url.scheme)
        for address in target.addresses[:-1]:
            request.url = target.url.copy_with(host=address)
            try:
                return self._bounded(inner.handle_request(request))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        request.url = target.url.copy_with(host=target.addresses[-1])
        return self._bounded(inner.handle_request(request))

    def _inner(self, scheme: str) -> httpx.HTTPTransport:
        if scheme == "http":
            return self._plain
        if self._secure is None:
            self._secure = httpx.HTTPTransport(verify=_trust(), trust_env=False)
        return self._secure

    def _bounded(self, answer: httpx.Response) -> httpx.Response:
        assert isinstance(answer.stream, httpx.SyncByteStream)
        answer.stream = _Bounded(answer.stream, self._most)
        return answer

    def close(self) -> None:
        """Close every connection."""
        self._plain.close()
        if self._secure is not None:
            self._secure.close()

    def __enter__(self) -> Self:
        """Be its own context."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Close."""
        self.close()


class _Bounded(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, most: int) -> None:
        self._inner, self._most = inner, most

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._inner:
            size += len(part)
            if size > self._most:
                raise TooLargeError(f"an answer of more than {self._most >> 20} MB is not read")
            yield part

    def close(self) -> None:
        self._inner.close()


@functools.cache
def _trust() -> ssl.SSLContext:
    """Certificates as `SSL_CERT_FILE` and `SSL_CERT_DIR` say, else those that come with httpx."""
    return httpx.create_ssl_context(trust_env=True)
