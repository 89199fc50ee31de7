"""Protocol buffers from a description of our own, without generated code.

A file of messages is text: a line each, `Name field:type=number ...`. It becomes descriptors in a
pool of its own when it is first used, so it can stand beside another library's copy of the same
protocol in one process, and nothing is imported until something speaks it.

Types are protobuf's own (`string`, `int64`, ...) or the name of a message or enum of the file;
`*type` is repeated, `{type}` a map with string keys, `field/choice:type=1` belongs to the oneof
`choice`. Further lines are `enum Name VALUE=0 ...` and `rpc Service.Method Request Response`, where
`*Request` or `*Response` is a stream. Lines that are indented go on; `#` begins a comment.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

__all__ = ["Protocol"]

_SCALARS = (
    "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string",
    "group", "message", "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64",
)  # fmt: skip
"""In the order of their numbers in `FieldDescriptorProto.Type`, from 1."""
_REPEATED, _OPTIONAL = 3, 1


class Protocol:
    """The messages and services of one file.

    Args:
        file: the file's name, as reflection shows it.
        package: the package of everything in it.
        text: the description.
    """

    def __init__(self, file: str, package: str, text: str) -> None:
        self.file, self.package = file, package
        self._lines = list(_lines(text))
        self._classes: dict[str, Any] = {}

    @property
    def services(self) -> list[str]:
        """Full names of the services."""
        return [f"{self.package}.{one.name}" for one in self.proto.service]

    @cached_property
    def proto(self) -> Any:
        """The file as a `FileDescriptorProto`."""
        from google.protobuf import descriptor_pb2

        found = descriptor_pb2.FileDescriptorProto(
            name=self.file, package=self.package, syntax="proto3"
        )
        enums = {words[1] for words in self._lines if words[0] == "enum"}
        for words in self._lines:
            if words[0] == "enum":
                _add_enum(found, words[1], words[2:])
            elif words[0] == "rpc":
                _add_method(found, self.package, *words[1:])
            else:
                _Message(found, self.package, words[0], enums).add(words[1:])
        return found

    @cached_property
    def symbols(self) -> frozenset[str]:
        """Full names of the messages, enums, services and methods."""
        found = {words[1 if words[0] in ("enum", "rpc") else 0] for words in self._lines}
        services = {one.name for one in self.proto.service}
        return frozenset(f"{self.package}.{name}" for name in found | services)

    @cached_property
    def pool(self) -> Any:
        """The descriptor pool that holds this file and no other."""
        from google.protobuf import descriptor_pool

        pool = descriptor_pool.DescriptorPool()
        pool.Add(self.proto)
        return pool

    def message(self, name: str) -> Any:
        """Return the class of a message.

        Args:
            name: without the package; nested ones as `Outer.Inner`.

        Raises:
            KeyError: the file has none of that name.
        """
        found = self._classes.get(name)
        if found is None:
            from google.protobuf import message_factory

            described = self.pool.FindMessageTypeByName(f"{self.package}.{name}")
            found = self._classes[name] = message_factory.GetMessageClass(described)
        return found


class _Message:
    """Adds one message to a file.

    Args:
        file: the `FileDescriptorProto`.
        package: its package.
        name: of the message; nested ones as `Outer.Inner`.
        enums: names of the file's enums.
    """

    def __init__(self, file: Any, package: str, name: str, enums: set[str]) -> None:
        outer, _, own = name.rpartition(".")
        self._proto = (_find(file, outer).nested_type if outer else file.message_type).add(name=own)
        self._package, self._path, self._enums = package, f".{package}.{name}", enums

    def add(self, fields: list[str]) -> None:
        """Add the fields, in the form `name:type=number`."""
        for field in fields:
            name, _, rest = field.partition(":")
            kind, number = _pair(rest)
            name, _, choice = name.partition("/")
            self._add(name, kind, int(number), choice)

    def _add(self, name: str, kind: str, number: int, choice: str) -> None:
        is_map = kind.startswith("{")
        field = self._proto.field.add(name=name, number=number, label=_OPTIONAL)
        if is_map or kind.startswith("*"):
            field.label = _REPEATED
        if is_map:
            self._set_type(field, self._map_entry(name, kind[1:-1]))
        else:
            self._set_type(field, kind.lstrip("*"))
        if choice:
            field.oneof_index = self._oneof(choice)

    def _set_type(self, field: Any, kind: str) -> None:
        if kind in _SCALARS:
            field.type = _SCALARS.index(kind) + 1
            return
        field.type = _SCALARS.index("enum" if kind in self._enums else "message") + 1
        field.type_name = kind if kind.startswith(".") else f".{self._package}.{kind}"

    def _map_entry(self, name: str, kind: str) -> str:
        entry = "".join(part.title() for part in name.split("_")) + "Entry"
        nested = self._proto.nested_type.add(name=entry)
        nested.options.map_entry = True
        self._set_type(nested.field.add(name="key", number=1, label=_OPTIONAL), "string")
        self._set_type(nested.field.add(name="value", number=2, label=_OPTIONAL), kind)
        return f"{self._path}.{entry}"

    def _oneof(self, choice: str) -> int:
        names = [one.name for one in self._proto.oneof_decl]
        if choice not in names:
            self._proto.oneof_decl.add(name=choice)
            names.append(choice)
        return names.index(choice)


def _find(file: Any, path: str) -> Any:
    nested, found = file.message_type, None
    for part in path.split("."):
        found = next(one for one in nested if one.name == part)
        nested = found.nested_type
    return found


def _add_enum(file: Any, path: str, values: list[str]) -> None:
    outer, _, name = path.rpartition(".")
    enum = (_find(file, outer) if outer else file).enum_type.add(name=name)
    for value, number in map(_pair, values):
        enum.value.add(name=value, number=int(number))


def _add_method(file: Any, package: str, name: str, asked: str, answered: str) -> None:
    service_name, _, method = name.partition(".")
    service = next((one for one in file.service if one.name == service_name), None)
    if service is None:
        service = file.service.add(name=service_name)
    service.method.add(
        name=method,
        input_type=f".{package}.{asked.lstrip('*')}",
        output_type=f".{package}.{answered.lstrip('*')}",
        client_streaming=asked.startswith("*"),
        server_streaming=answered.startswith("*"),
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, number = text.rpartition("=")
    return name, number


def _lines(text: str) -> Iterator[list[str]]:
    whole: list[str] = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and not line[0].isspace() and whole:
            yield whole
            whole = []
        whole += words
    if whole:
        yield whole
