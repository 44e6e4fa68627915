from google.protobuf import struct_pb2 as _struct_pb2
from prunecast._proto.prunecast.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PluginKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PLUGIN_KIND_UNSPECIFIED: _ClassVar[PluginKind]
    PLUGIN_KIND_CRITERION: _ClassVar[PluginKind]
    PLUGIN_KIND_COMPENSATION: _ClassVar[PluginKind]
    PLUGIN_KIND_EVALUATOR: _ClassVar[PluginKind]
    PLUGIN_KIND_PREDICTOR: _ClassVar[PluginKind]
    PLUGIN_KIND_STRATEGY: _ClassVar[PluginKind]
    PLUGIN_KIND_EXPORTER: _ClassVar[PluginKind]
    PLUGIN_KIND_RECOVERY: _ClassVar[PluginKind]
PLUGIN_KIND_UNSPECIFIED: PluginKind
PLUGIN_KIND_CRITERION: PluginKind
PLUGIN_KIND_COMPENSATION: PluginKind
PLUGIN_KIND_EVALUATOR: PluginKind
PLUGIN_KIND_PREDICTOR: PluginKind
PLUGIN_KIND_STRATEGY: PluginKind
PLUGIN_KIND_EXPORTER: PluginKind
PLUGIN_KIND_RECOVERY: PluginKind

class ListPluginsRequest(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: PluginKind
    def __init__(self, kind: _Optional[_Union[PluginKind, str]] = ...) -> None: ...

class ListPluginsResponse(_message.Message):
    __slots__ = ("plugins",)
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    plugins: _containers.RepeatedCompositeFieldContainer[Plugin]
    def __init__(self, plugins: _Optional[_Iterable[_Union[Plugin, _Mapping]]] = ...) -> None: ...

class Plugin(_message.Message):
    __slots__ = ("kind", "id", "version", "summary", "options_schema", "runs_in")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    RUNS_IN_FIELD_NUMBER: _ClassVar[int]
    kind: PluginKind
    id: str
    version: str
    summary: str
    options_schema: _struct_pb2.Struct
    runs_in: str
    def __init__(self, kind: _Optional[_Union[PluginKind, str]] = ..., id: _Optional[str] = ..., version: _Optional[str] = ..., summary: _Optional[str] = ..., options_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., runs_in: _Optional[str] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "api_version", "node_version", "onnxruntime_version", "instruction_sets", "threads", "memory_budget_bytes", "max_message_bytes", "max_queued_jobs", "max_predict_rows", "concurrent_jobs", "precisions")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    API_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_VERSION_FIELD_NUMBER: _ClassVar[int]
    ONNXRUNTIME_VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTRUCTION_SETS_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BUDGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUED_JOBS_FIELD_NUMBER: _ClassVar[int]
    MAX_PREDICT_ROWS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_JOBS_FIELD_NUMBER: _ClassVar[int]
    PRECISIONS_FIELD_NUMBER: _ClassVar[int]
    version: str
    api_version: str
    node_version: str
    onnxruntime_version: str
    instruction_sets: str
    threads: int
    memory_budget_bytes: int
    max_message_bytes: int
    max_queued_jobs: int
    max_predict_rows: int
    concurrent_jobs: int
    precisions: _containers.RepeatedScalarFieldContainer[_common_pb2.Precision]
    def __init__(self, version: _Optional[str] = ..., api_version: _Optional[str] = ..., node_version: _Optional[str] = ..., onnxruntime_version: _Optional[str] = ..., instruction_sets: _Optional[str] = ..., threads: _Optional[int] = ..., memory_budget_bytes: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_queued_jobs: _Optional[int] = ..., max_predict_rows: _Optional[int] = ..., concurrent_jobs: _Optional[int] = ..., precisions: _Optional[_Iterable[_Union[_common_pb2.Precision, str]]] = ...) -> None: ...
