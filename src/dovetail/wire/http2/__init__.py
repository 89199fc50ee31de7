"""HTTP/2 as bytes: frames (RFC 9113), and headers in HPACK (RFC 7541). No sockets, no loop."""

from dovetail.wire.http2.frames import (
    PREFACE,
    Flag,
    Frame,
    Http2Error,
    Kind,
    Setting,
    frame,
    goaway,
    parse_settings,
    reset,
    settings,
    window_update,
    without_padding,
)
from dovetail.wire.http2.hpack import HeaderDecoder, encode_headers

__all__ = [
    "PREFACE",
    "Flag",
    "Frame",
    "HeaderDecoder",
    "Http2Error",
    "Kind",
    "Setting",
    "encode_headers",
    "frame",
    "goaway",
    "parse_settings",
    "reset",
    "settings",
    "window_update",
    "without_padding",
]
