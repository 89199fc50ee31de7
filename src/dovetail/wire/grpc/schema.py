"""The messages of `grpc.health.v1` and of server reflection, which differs only in its package.

The way of writing is that of `dovetail.wire.protobuf`.
"""

from dovetail.wire.protobuf import Protocol

__all__ = ["HEALTH", "REFLECTION", "REFLECTION_ALPHA"]

HEALTH = Protocol(
    "grpc/health/v1/health.proto",
    "grpc.health.v1",
    """
HealthCheckRequest              service:string=1
HealthCheckResponse             status:HealthCheckResponse.ServingStatus=1
enum HealthCheckResponse.ServingStatus  UNKNOWN=0 SERVING=1 NOT_SERVING=2 SERVICE_UNKNOWN=3
rpc Health.Check                HealthCheckRequest HealthCheckResponse
rpc Health.Watch                HealthCheckRequest *HealthCheckResponse
""",
)

_REFLECTION = """
ExtensionRequest                containing_type:string=1 extension_number:int32=2
ServerReflectionRequest         host:string=1 file_by_filename/message_request:string=3
    file_containing_symbol/message_request:string=4
    file_containing_extension/message_request:ExtensionRequest=5
    all_extension_numbers_of_type/message_request:string=6 list_services/message_request:string=7
FileDescriptorResponse          file_descriptor_proto:*bytes=1
ExtensionNumberResponse         base_type_name:string=1 extension_number:*int32=2
ServiceResponse                 name:string=1
ListServiceResponse             service:*ServiceResponse=1
ErrorResponse                   error_code:int32=1 error_message:string=2
ServerReflectionResponse        valid_host:string=1 original_request:ServerReflectionRequest=2
    file_descriptor_response/message_response:FileDescriptorResponse=4
    all_extension_numbers_response/message_response:ExtensionNumberResponse=5
    list_services_response/message_response:ListServiceResponse=6
    error_response/message_response:ErrorResponse=7
rpc ServerReflection.ServerReflectionInfo   *ServerReflectionRequest *ServerReflectionResponse
"""

REFLECTION = Protocol("grpc/reflection/v1/reflection.proto", "grpc.reflection.v1", _REFLECTION)
REFLECTION_ALPHA = Protocol(
    "grpc/reflection/v1alpha/reflection.proto", "grpc.reflection.v1alpha", _REFLECTION
)
