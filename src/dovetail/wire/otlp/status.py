"""What an OTLP server answers when it refuses: ``google.rpc.Status`` in the client's encoding.

OTLP/HTTP asks for it as the body of every 4xx and 5xx answer. The message has two fields that we
set, so its few bytes are written here without protobuf.
"""

import msgspec

PATH = "/v1/traces"
INVALID_ARGUMENT = 3


class _Status(msgspec.Struct, frozen=True):
    code: int
    message: str


def status_json(message: str, code: int = INVALID_ARGUMENT) -> bytes:
    """A status as JSON.

    Args:
        message: What failed.
        code: Of ``google.rpc.Code``.
    """
    return msgspec.json.encode(_Status(code, message))


def status_protobuf(message: str, code: int = INVALID_ARGUMENT) -> bytes:
    """A status as protobuf: field 1 is the code, field 2 the message.

    Examples:
        >>> status_protobuf("no")
        b'\\x08\\x03\\x12\\x02no'
    """
    text = message.encode()
    return b"\x08" + _varint(code) + b"\x12" + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
