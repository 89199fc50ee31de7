"""Descriptors made of a description: what reads and writes the same bytes as generated code."""

import pytest

from dovetail.wire.grpc import HEALTH, REFLECTION, REFLECTION_ALPHA
from dovetail.wire.open_inference.grpc import OPEN_INFERENCE
from dovetail.wire.protobuf import Protocol

pb = pytest.importorskip("tritonclient.grpc.service_pb2")


def described(messages):
    for message in messages:
        yield message
        yield from described(message.nested_types)


def facts(field):
    kind = field.message_type or field.enum_type
    choice = field.containing_oneof
    return (
        field.number,
        field.type,
        field.is_repeated,
        kind.full_name if kind else None,
        choice.name if choice else None,
    )


@pytest.mark.parametrize(
    "protocol", [OPEN_INFERENCE, HEALTH, REFLECTION_ALPHA], ids=lambda p: p.file
)
def test_every_field_is_what_the_published_protocol_says(protocol):
    from google.protobuf import descriptor_pool
    from grpc_health.v1 import health_pb2  # noqa: F401  registers what is compared with
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: F401

    file = protocol.pool.FindFileByName(protocol.file)
    ours = list(described(file.message_types_by_name.values()))
    assert ours
    for message in ours:
        theirs = descriptor_pool.Default().FindMessageTypeByName(message.full_name)
        due = {field.name: facts(field) for field in theirs.fields}
        assert {field.name: facts(field) for field in message.fields}.items() <= due.items()


def test_every_method_of_the_published_protocol_is_there_or_refused():
    from dovetail.wire.open_inference.grpc import UNSUPPORTED

    theirs = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods_by_name
    ours = {
        method.name: (method.input_type, method.output_type)
        for method in OPEN_INFERENCE.proto.service[0].method
    }
    assert set(ours) | set(UNSUPPORTED) == set(theirs)
    for name, (asked, answered) in ours.items():
        assert asked == f".{theirs[name].input_type.full_name}"
        assert answered == f".{theirs[name].output_type.full_name}"


def test_both_versions_of_reflection_have_the_same_messages():
    assert REFLECTION.services == ["grpc.reflection.v1.ServerReflection"]
    one, other = REFLECTION.proto, REFLECTION_ALPHA.proto
    assert [m.name for m in one.message_type] == [m.name for m in other.message_type]


def test_a_description_becomes_messages():
    protocol = Protocol(
        "test/zoo.proto",
        "zoo",
        "enum Kind CAT=0 DOG=1\n"
        "Animal          name:string=1 kind:Kind=2 legs:*int32=3 tags:{string}=4\n"
        "    wild/state:bool=5 tame/state:Animal.Owner=6\n"
        "Animal.Owner    name:string=1\n"
        "rpc Zoo.Watch   Animal *Animal\n",
    )
    animal = protocol.message("Animal")(name="Rex", kind=1, legs=[1, 2], tags={"a": "b"})
    animal.tame.name = "Ann"
    again = protocol.message("Animal").FromString(animal.SerializeToString())
    assert (again.WhichOneof("state"), again.tame.name, dict(again.tags)) == (
        "tame",
        "Ann",
        {"a": "b"},
    )
    assert protocol.services == ["zoo.Zoo"]
    assert protocol.proto.service[0].method[0].server_streaming
    with pytest.raises(KeyError):
        protocol.message("Plant")
