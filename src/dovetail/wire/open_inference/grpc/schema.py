"""The messages and methods of the Open Inference Protocol over gRPC, with Triton's extensions.

Names and numbers are the protocol's; of Triton's model configuration there is what a server without
its schedulers can say. The way of writing is that of `dovetail.wire.protobuf`.
"""

from dovetail.wire.protobuf import Protocol

__all__ = ["OPEN_INFERENCE", "SERVICE", "UNSUPPORTED"]

SERVICE = "inference.GRPCInferenceService"

UNSUPPORTED = (
    "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister",
    "SystemSharedMemoryUnregister",
    "CudaSharedMemoryStatus",
    "CudaSharedMemoryRegister",
    "CudaSharedMemoryUnregister",
    "TraceSetting",
    "LogSettings",
)
"""Methods of Triton that only Triton has: they are answered with UNIMPLEMENTED."""

OPEN_INFERENCE = Protocol(
    "dovetail/open_inference.proto",
    "inference",
    """
ServerLiveRequest
ServerLiveResponse              live:bool=1
ServerReadyRequest
ServerReadyResponse             ready:bool=1
ModelReadyRequest               name:string=1 version:string=2
ModelReadyResponse              ready:bool=1
ServerMetadataRequest
ServerMetadataResponse          name:string=1 version:string=2 extensions:*string=3
ModelMetadataRequest            name:string=1 version:string=2
ModelMetadataResponse           name:string=1 versions:*string=2 platform:string=3
    inputs:*ModelMetadataResponse.TensorMetadata=4 outputs:*ModelMetadataResponse.TensorMetadata=5
ModelMetadataResponse.TensorMetadata    name:string=1 datatype:string=2 shape:*int64=3

InferParameter                  bool_param/parameter_choice:bool=1
    int64_param/parameter_choice:int64=2 string_param/parameter_choice:string=3
    double_param/parameter_choice:double=4 uint64_param/parameter_choice:uint64=5
InferTensorContents             bool_contents:*bool=1 int_contents:*int32=2 int64_contents:*int64=3
    uint_contents:*uint32=4 uint64_contents:*uint64=5 fp32_contents:*float=6 fp64_contents:*double=7
    bytes_contents:*bytes=8
ModelInferRequest               model_name:string=1 model_version:string=2 id:string=3
    parameters:{InferParameter}=4 inputs:*ModelInferRequest.InferInputTensor=5
    outputs:*ModelInferRequest.InferRequestedOutputTensor=6 raw_input_contents:*bytes=7
ModelInferRequest.InferInputTensor      name:string=1 datatype:string=2 shape:*int64=3
    parameters:{InferParameter}=4 contents:InferTensorContents=5
ModelInferRequest.InferRequestedOutputTensor    name:string=1 parameters:{InferParameter}=2
ModelInferResponse              model_name:string=1 model_version:string=2 id:string=3
    parameters:{InferParameter}=4 outputs:*ModelInferResponse.InferOutputTensor=5
    raw_output_contents:*bytes=6
ModelInferResponse.InferOutputTensor    name:string=1 datatype:string=2 shape:*int64=3
    parameters:{InferParameter}=4 contents:InferTensorContents=5
ModelStreamInferResponse        error_message:string=1 infer_response:ModelInferResponse=2

ModelStatisticsRequest          name:string=1 version:string=2
StatisticDuration               count:uint64=1 ns:uint64=2
InferStatistics                 success:StatisticDuration=1 fail:StatisticDuration=2
    queue:StatisticDuration=3 compute_input:StatisticDuration=4 compute_infer:StatisticDuration=5
    compute_output:StatisticDuration=6 cache_hit:StatisticDuration=7 cache_miss:StatisticDuration=8
InferBatchStatistics            batch_size:uint64=1 compute_input:StatisticDuration=2
    compute_infer:StatisticDuration=3 compute_output:StatisticDuration=4
ModelStatistics                 name:string=1 version:string=2 last_inference:uint64=3
    inference_count:uint64=4 execution_count:uint64=5 inference_stats:InferStatistics=6
    batch_stats:*InferBatchStatistics=7 memory_usage:*MemoryUsage=8
MemoryUsage                     type:string=1 id:int64=2 byte_size:uint64=3
ModelStatisticsResponse         model_stats:*ModelStatistics=1

ModelRepositoryParameter        bool_param/parameter_choice:bool=1
    int64_param/parameter_choice:int64=2 string_param/parameter_choice:string=3
    bytes_param/parameter_choice:bytes=4
RepositoryIndexRequest          repository_name:string=1 ready:bool=2
RepositoryIndexResponse         models:*RepositoryIndexResponse.ModelIndex=1
RepositoryIndexResponse.ModelIndex      name:string=1 version:string=2 state:string=3
    reason:string=4
RepositoryModelLoadRequest      repository_name:string=1 model_name:string=2
    parameters:{ModelRepositoryParameter}=3
RepositoryModelLoadResponse
RepositoryModelUnloadRequest    repository_name:string=1 model_name:string=2
    parameters:{ModelRepositoryParameter}=3
RepositoryModelUnloadResponse

ModelConfigRequest              name:string=1 version:string=2
ModelConfigResponse             config:ModelConfig=1
enum DataType TYPE_INVALID=0 TYPE_BOOL=1 TYPE_UINT8=2 TYPE_UINT16=3 TYPE_UINT32=4 TYPE_UINT64=5
    TYPE_INT8=6 TYPE_INT16=7 TYPE_INT32=8 TYPE_INT64=9 TYPE_FP16=10 TYPE_FP32=11 TYPE_FP64=12
    TYPE_STRING=13 TYPE_BF16=14
ModelInput                      name:string=1 data_type:DataType=2 dims:*int64=4
ModelOutput                     name:string=1 data_type:DataType=2 dims:*int64=3
ModelVersionPolicy              all/policy_choice:ModelVersionPolicy.All=2
    specific/policy_choice:ModelVersionPolicy.Specific=3
ModelVersionPolicy.All
ModelVersionPolicy.Specific     versions:*int64=1
ModelInstanceGroup              name:string=1 count:int32=2 kind:ModelInstanceGroup.Kind=4
enum ModelInstanceGroup.Kind    KIND_AUTO=0 KIND_GPU=1 KIND_CPU=2 KIND_MODEL=3
ModelParameter                  string_value:string=1
ModelConfig                     name:string=1 platform:string=2 version_policy:ModelVersionPolicy=3
    max_batch_size:int32=4 input:*ModelInput=5 output:*ModelOutput=6
    instance_group:*ModelInstanceGroup=7 parameters:{ModelParameter}=14 backend:string=17

rpc GRPCInferenceService.ServerLive             ServerLiveRequest ServerLiveResponse
rpc GRPCInferenceService.ServerReady            ServerReadyRequest ServerReadyResponse
rpc GRPCInferenceService.ModelReady             ModelReadyRequest ModelReadyResponse
rpc GRPCInferenceService.ServerMetadata         ServerMetadataRequest ServerMetadataResponse
rpc GRPCInferenceService.ModelMetadata          ModelMetadataRequest ModelMetadataResponse
rpc GRPCInferenceService.ModelInfer             ModelInferRequest ModelInferResponse
rpc GRPCInferenceService.ModelStreamInfer       *ModelInferRequest *ModelStreamInferResponse
rpc GRPCInferenceService.ModelConfig            ModelConfigRequest ModelConfigResponse
rpc GRPCInferenceService.ModelStatistics        ModelStatisticsRequest ModelStatisticsResponse
rpc GRPCInferenceService.RepositoryIndex        RepositoryIndexRequest RepositoryIndexResponse
rpc GRPCInferenceService.RepositoryModelLoad
    RepositoryModelLoadRequest RepositoryModelLoadResponse
rpc GRPCInferenceService.RepositoryModelUnload
    RepositoryModelUnloadRequest RepositoryModelUnloadResponse
""",
)
