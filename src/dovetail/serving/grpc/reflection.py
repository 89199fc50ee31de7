"""Server reflection: how `grpcurl` and its like learn the methods and messages."""

from collections.abc import Sequence
from typing import Any

from dovetail.wire.protobuf import Protocol

__all__ = ["Reflection"]

_NOT_FOUND, _INVALID = 5, 3  # of google.rpc.Code


class Reflection:
    """Answers questions for descriptors.

    Args:
        own: the protocol of reflection, v1 or v1alpha.
        described: what the server speaks.
    """

    def __init__(self, own: Protocol, described: Sequence[Protocol]) -> None:
        self._described = tuple(described)
        self._answer = own.message("ServerReflectionResponse")

    def answer(self, asked: Any) -> Any:
        """Answer one question."""
        kind = asked.WhichOneof("message_request")
        answer = self._answer(valid_host=asked.host, original_request=asked)
        if kind == "list_services":
            for name in sorted(name for one in self._described for name in one.services):
                answer.list_services_response.service.add(name=name)
        elif kind in ("file_by_filename", "file_containing_symbol"):
            self._put_file(answer, getattr(asked, kind), by_name=kind == "file_by_filename")
        elif kind == "all_extension_numbers_of_type":
            wanted = asked.all_extension_numbers_of_type
            if self._containing(wanted) is None:
                _put_error(answer, _NOT_FOUND, f"no type is named {wanted!r}")
            else:
                answer.all_extension_numbers_response.base_type_name = wanted
        elif kind == "file_containing_extension":
            _put_error(answer, _NOT_FOUND, "there are no extensions here")
        else:
            _put_error(answer, _INVALID, "the request asks for nothing")
        return answer

    def _put_file(self, answer: Any, wanted: str, *, by_name: bool) -> None:
        if by_name:
            found = next((one for one in self._described if one.file == wanted), None)
        else:
            found = self._containing(wanted)
        if found is None:
            what = "file" if by_name else "symbol"
            _put_error(answer, _NOT_FOUND, f"no {what} is named {wanted!r}")
            return
        content = found.proto.SerializeToString()
        answer.file_descriptor_response.file_descriptor_proto.append(content)

    def _containing(self, symbol: str) -> Protocol | None:
        return next((one for one in self._described if symbol in one.symbols), None)


def _put_error(answer: Any, code: int, text: str) -> None:
    answer.error_response.error_code, answer.error_response.error_message = code, text
