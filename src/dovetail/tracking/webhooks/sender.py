"""One attempt to deliver: a signed POST to an address that the policy has admitted.

The connection goes to the very address that was checked, while the certificate and the Host header
are those of the name. Redirects are not followed, proxies of the environment are not used, and the
answer is read only so far, for the receiver is as untrusted as its URL.
"""

import asyncio
import email.utils
import functools
import ssl
import time
from dataclasses import dataclass

import httpx

from dovetail.tracking.errors import InvalidParameterError, UnresolvedHostError
from dovetail.tracking.webhooks.policy import Policy
from dovetail.web.outbound import Target
from dovetail.wire.mlflow.signature import DELIVERY, SIGNATURE, TIMESTAMP, sign

__all__ = ["Outcome", "Sender"]

MOST_BODY = 16 << 10
LONGEST_WAIT = 3600.0
PASSING = {429, 500, 502, 503, 504}
AGENT = "dovetail-webhooks/1"


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        status: the receiver's, if it answered.
        body: the beginning of its answer.
        error: what went wrong, if anything.
        may_retry: whether a later attempt may do better.
        retry_after: seconds that the receiver asks to wait.
        seconds: how long it took.
    """

    status: int | None = None
    body: str = ""
    error: str | None = None
    may_retry: bool = False
    retry_after: float = 0.0
    seconds: float = 0.0

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver took it."""
        return self.error is None


class Sender:
    """Makes attempts.

    Args:
        policy: which addresses may be called.
        timeout: seconds for a whole attempt.
    """

    def __init__(self, policy: Policy, timeout: float) -> None:
        self._policy, self._timeout = policy, timeout

    async def send(self, url: str, secret: str | None, delivery_id: str, body: bytes) -> Outcome:
        """Make one attempt, which never raises.

        Args:
            url: where to.
            secret: what to sign with, if anything.
            delivery_id: the same for all attempts at one delivery.
            body: JSON.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                outcome = await self._attempt(url, secret, delivery_id, body)
        except UnresolvedHostError as error:
            outcome = Outcome(error=error.message, may_retry=True)
        except InvalidParameterError as error:
            outcome = Outcome(error=error.message)
        except (TimeoutError, httpx.TimeoutException):
            outcome = Outcome(error=f"no answer within {self._timeout:g} s", may_retry=True)
        except (httpx.HTTPError, OSError, ssl.SSLError) as error:
            said = str(error) or type(error).__name__
            outcome = Outcome(error=f"the receiver cannot be reached: {said}", may_retry=True)
        taken = time.monotonic() - began
        return Outcome(
            outcome.status,
            outcome.body,
            outcome.error,
            outcome.may_retry,
            outcome.retry_after,
            taken,
        )

    async def _attempt(
        self, url: str, secret: str | None, delivery_id: str, body: bytes
    ) -> Outcome:
        target = await self._policy.find(url)
        for address in target.addresses[:-1]:
            try:
                return await self._post(target, address, secret, delivery_id, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._post(target, target.addresses[-1], secret, delivery_id, body)

    async def _post(
        self, target: Target, address: str, secret: str | None, delivery_id: str, body: bytes
    ) -> Outcome:
        timestamp = str(int(time.time()))
        headers = {
            "Host": target.url.netloc.decode("ascii"),
            "User-Agent": AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            DELIVERY: delivery_id,
            TIMESTAMP: timestamp,
        }
        if secret:
            headers[SIGNATURE] = sign(secret, delivery_id, timestamp, body)
        secure = target.url.scheme == "https"
        transport = httpx.AsyncHTTPTransport(verify=_trust() if secure else False, trust_env=False)
        async with httpx.AsyncClient(
            transport=transport, timeout=self._timeout, trust_env=False, follow_redirects=False
        ) as client:
            request = client.build_request(
                "POST",
                target.url.copy_with(host=address),
                content=body,
                headers=headers,
                extensions={"sni_hostname": target.host},
            )
            answer = await client.send(request, stream=True)
            try:
                return _judged(answer, await _beginning(answer))
            finally:
                await answer.aclose()


@functools.cache
def _trust() -> ssl.SSLContext:
    """Certificates as `SSL_CERT_FILE` and `SSL_CERT_DIR` say, else those that come with httpx."""
    return httpx.create_ssl_context(trust_env=True)


async def _beginning(answer: httpx.Response) -> str:
    read = bytearray()
    async for chunk in answer.aiter_raw():
        read += chunk
        if len(read) >= MOST_BODY:
            break
    return read[:MOST_BODY].decode("utf-8", "replace")


def _judged(answer: httpx.Response, body: str) -> Outcome:
    status = answer.status_code
    if 300 <= status < 400:
        error = f"the receiver answered {status}, and redirects are not followed"
        return Outcome(status, body, error)
    if status < 300:
        return Outcome(status, body)
    return Outcome(
        status,
        body,
        f"the receiver answered {status}",
        may_retry=status in PASSING,
        retry_after=_wait(answer.headers.get("retry-after", "")),
    )


def _wait(header: str) -> float:
    """Return how many seconds a Retry-After header asks for, at most an hour."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(header).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT)
