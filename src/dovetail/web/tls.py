"""TLS for every port of a server: one certificate, looked at again as long as it is used.

Certificates are renewed while servers run. A context takes a new one for connections to come, so
the files are read again when they have changed, and what cannot be read leaves the old one.
"""

import ssl
from functools import cache
from pathlib import Path

from dovetail.base import telemetry
from dovetail.base.errors import SettingsError
from dovetail.base.settings import ServerSettings

__all__ = ["Tls"]

log = telemetry.logger("web")


class Tls:
    """A certificate, and the contexts that show it.

    Args:
        certificate: PEM file of the certificate and those that lead to its authority.
        key: PEM file of its private key.

    Raises:
        SettingsError: they cannot be read, or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._contexts: list[ssl.SSLContext] = []
        self._seen = self._changed()
        self.context("http/1.1")

    @staticmethod
    def of(server: ServerSettings) -> "Tls | None":
        """Return the certificate of a server, the same each time; None where it has none.

        Raises:
            SettingsError: it cannot be read.
        """
        if not server.tls_cert:
            if server.tls_key:
                raise SettingsError("tls_key is set and tls_cert is not", fix="set both")
            return None
        return _of(server.tls_cert, server.tls_key or server.tls_cert)

    def context(self, protocol: str) -> ssl.SSLContext:
        """Return a context for a port.

        Args:
            protocol: that is spoken there, by its ALPN name.

        Raises:
            SettingsError: the files cannot be read.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([protocol])
        try:
            context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"TLS cannot be spoken with {str(self._files[0])!r}",
                why=getattr(error, "strerror", None) or str(error),
                fix="tls_cert and tls_key name PEM files that belong together",
            ) from error
        self._contexts.append(context)
        return context

    def refresh(self) -> None:
        """Show a renewed certificate from now on, if there is one."""
        seen = self._changed()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            # Tried first: of a certificate and a key that do not fit, a context keeps one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)
            for context in self._contexts:
                context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            log.warning("renewed certificate cannot be read", why=str(error))
        else:
            log.info("certificate renewed", file=str(self._files[0]))

    def _changed(self) -> tuple[int, ...]:
        try:
            return tuple(file.stat().st_mtime_ns for file in self._files)
        except OSError:
            return ()


@cache
def _of(certificate: str, key: str) -> Tls:
    return Tls(Path(certificate), Path(key))
