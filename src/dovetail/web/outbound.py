"""Which addresses a webhook of any piece may call.

A webhook's URL is untrusted: whoever may make one must not reach, through this server, what only
this server can reach. So every address of the host has to be public, and the address that was
checked is the one that is called: asking the name server a second time could give another answer.
What a team has inside its network is named in one setting.
"""

import asyncio
import ipaddress
import re
import socket
import urllib.parse
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import httpx

from dovetail.base.errors import DovetailError, InvalidInputError, SettingsError

__all__ = ["AddressRefusedError", "Policy", "Target", "UnknownHostError", "is_public", "resolve"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str], Awaitable[Sequence[str]]]
WITHIN = 5.0
LONGEST = 2000
MOST_ADDRESSES = 4
_HOST = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*\.?", re.ASCII)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefusedError(InvalidInputError):
    """A webhook may not call this URL."""

    code = "address-refused"


class UnknownHostError(AddressRefusedError):
    """The name server does not say where the host of a webhook is; that may pass."""

    code = "unknown-host"


@dataclass(frozen=True)
class Target:
    """An address that may be called.

    Attributes:
        url: what was asked for.
        addresses: where its host is, checked; in the order of the name server.
    """

    url: httpx.URL
    addresses: tuple[str, ...]

    @property
    def host(self) -> str:
        """The host's name as name servers and certificates know it."""
        return _host(self.url)


async def resolve(host: str) -> Sequence[str]:
    """Return the addresses of a host.

    Raises:
        OSError: the name server knows none.
        TimeoutError: it does not answer in time.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(WITHIN):
        found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def is_public(address: Address) -> bool:
    """Return whether an address belongs to the open internet.

    Example:
        >>> is_public(ipaddress.ip_address("::ffff:169.254.169.254"))
        False
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    refused = (address.is_private, address.is_multicast, address.is_reserved, address.is_loopback)
    return address.is_global and not any(refused)


class Policy:
    """Says yes or no to a URL.

    A piece whose protocol has errors of its own makes a subclass that names them.

    Args:
        allow: host names, `*.` and a suffix, addresses or networks that may be called although
            they are not public, and over plain HTTP.
        resolve: asks the name server.

    Raises:
        SettingsError: an entry is none of these.
    """

    refused: ClassVar[type[DovetailError]] = AddressRefusedError
    unknown: ClassVar[type[DovetailError]] = UnknownHostError
    setting: ClassVar[str] = "webhook_allow"

    def __init__(self, allow: Sequence[str] = (), resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        self._names: set[str] = set()
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for entry in allow:
            try:
                self._networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                self._names.add(_name(entry, self.setting))

    def check(self, url: str) -> httpx.URL:
        """Check what can be said of a URL without asking a name server.

        Raises:
            DovetailError: `refused`, in MLflow's words.
        """
        if not url.strip():
            raise self.refused(f"Webhook URL cannot be empty or just whitespace: {url!r}")
        if len(url) > LONGEST:
            raise self.refused(f"Webhook URL has more than {LONGEST} characters.")
        try:
            parsed = httpx.URL(url)
            _ = urllib.parse.urlparse(url).port  # refuses ports out of range, which httpx lets pass
        except (ValueError, httpx.InvalidURL) as error:
            raise self.refused(f"Invalid webhook URL {url!r}: {error!r}") from error
        if parsed.scheme not in ("http", "https"):
            raise self._scheme(parsed)
        if not parsed.host:
            raise self.refused(f"Webhook URL must include a hostname: {url!r}")
        if not _is_canonical(parsed.host):
            raise self.refused(
                f"Webhook URL host {parsed.host!r} is not a canonical IP address literal."
            )
        return parsed

    async def admit(self, url: str) -> None:
        """Check a URL that a webhook is to have.

        A host that is allowed by name is not looked up, for it may be anywhere.

        Raises:
            DovetailError: `refused`: it may not be called, in MLflow's words.
        """
        if not self._named(_host(self.check(url))):
            await self.find(url)

    async def find(self, url: str) -> Target:
        """Look a URL's host up and check where it is.

        Raises:
            DovetailError: `refused`: it may not be called, in MLflow's words.
            DovetailError: `unknown`: its host cannot be looked up, which may pass.
        """
        parsed = self.check(url)
        host = _host(parsed)
        named = self._named(host)
        if parsed.scheme == "http" and not named and not self._networks:
            raise self._scheme(parsed)
        found = await self._ask(host)
        try:
            addresses = [ipaddress.ip_address(one.partition("%")[0]) for one in found]
        except ValueError as error:
            raise self.refused(
                f"Webhook URL hostname {host!r} resolved to an invalid IP address: {error}"
            ) from error
        for address in addresses:
            if named or self._within(address):
                continue
            if not is_public(address):
                raise self.refused(
                    "Webhook URL must not resolve to a non-public IP address. "
                    f"{host!r} resolves to {address}."
                )
            if parsed.scheme == "http":
                raise self._scheme(parsed)
        return Target(parsed, tuple(str(one) for one in addresses[:MOST_ADDRESSES]))

    async def _ask(self, host: str) -> Sequence[str]:
        try:
            found = await self._resolve(host)
        except TimeoutError as error:
            raise self.unknown(
                f"Timed out resolving Webhook URL hostname {host!r} after {WITHIN:g} seconds"
            ) from error
        except (OSError, UnicodeError) as error:
            raise self.unknown(f"Cannot resolve Webhook URL hostname {host!r}: {error}") from error
        if not found:
            raise self.unknown(f"Cannot resolve Webhook URL hostname {host!r}: no address")
        return found

    def _scheme(self, url: httpx.URL) -> DovetailError:
        return self.refused(
            f"Invalid webhook URL scheme: {url.scheme!r}. Allowed schemes are: https."
        )

    def _named(self, host: str) -> bool:
        name = host.lower().rstrip(".")
        if name in self._names:
            return True
        parts = name.split(".")
        return any(f"*.{'.'.join(parts[i:])}" in self._names for i in range(1, len(parts)))

    def _within(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").strip("[]")


def _name(entry: str, setting: str) -> str:
    if not _HOST.fullmatch(entry):
        raise SettingsError(
            f"{setting}: {entry!r} is no host and no network",
            fix="write hooks.example.org, *.example.org, 10.1.2.3 or 10.0.0.0/8",
        )
    return entry.lower().rstrip(".")


def _is_canonical(host: str) -> bool:
    """Tell names and plain addresses from numbers that resolvers read each in their own way."""
    if ":" not in host and not host.replace(".", "").isdigit():
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
