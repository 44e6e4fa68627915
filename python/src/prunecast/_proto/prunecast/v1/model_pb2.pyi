from google.protobuf import struct_pb2 as _struct_pb2
from prunecast._proto.prunecast.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Dtype(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DTYPE_UNSPECIFIED: _ClassVar[Dtype]
    DTYPE_F32: _ClassVar[Dtype]
    DTYPE_F16: _ClassVar[Dtype]
    DTYPE_BF16: _ClassVar[Dtype]
DTYPE_UNSPECIFIED: Dtype
DTYPE_F32: Dtype
DTYPE_F16: Dtype
DTYPE_BF16: Dtype

class ListModelsRequest(_message.Message):
    __slots__ = ("folder", "page_size", "page_token")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    folder: str
    page_size: int
    page_token: str
    def __init__(self, folder: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token", "truncated")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelSummary]
    next_page_token: str
    truncated: bool
    def __init__(self, models: _Optional[_Iterable[_Union[ModelSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., truncated: bool = ...) -> None: ...

class ModelSummary(_message.Message):
    __slots__ = ("model", "family", "parameters", "weight_bytes", "has_tokenizer", "fault")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_BYTES_FIELD_NUMBER: _ClassVar[int]
    HAS_TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    model: str
    family: str
    parameters: int
    weight_bytes: int
    has_tokenizer: bool
    fault: str
    def __init__(self, model: _Optional[str] = ..., family: _Optional[str] = ..., parameters: _Optional[int] = ..., weight_bytes: _Optional[int] = ..., has_tokenizer: bool = ..., fault: _Optional[str] = ...) -> None: ...

class InspectModelRequest(_message.Message):
    __slots__ = ("model", "space")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    model: str
    space: _common_pb2.SearchSpaceSpec
    def __init__(self, model: _Optional[str] = ..., space: _Optional[_Union[_common_pb2.SearchSpaceSpec, _Mapping]] = ...) -> None: ...

class InspectModelResponse(_message.Message):
    __slots__ = ("model", "family", "checkpoint_digest", "hidden", "head_dim", "vocabulary", "tied_embeddings", "architecture", "parameters", "dtypes", "weight_bytes", "dimensions", "protected_layers", "has_tokenizer", "loads", "notes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    HEAD_DIM_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    TIED_EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    DTYPES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_BYTES_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    PROTECTED_LAYERS_FIELD_NUMBER: _ClassVar[int]
    HAS_TOKENIZER_FIELD_NUMBER: _ClassVar[int]
    LOADS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    model: str
    family: str
    checkpoint_digest: str
    hidden: int
    head_dim: int
    vocabulary: int
    tied_embeddings: bool
    architecture: _common_pb2.Architecture
    parameters: int
    dtypes: _containers.RepeatedScalarFieldContainer[Dtype]
    weight_bytes: int
    dimensions: _containers.RepeatedCompositeFieldContainer[_common_pb2.Dimension]
    protected_layers: _containers.RepeatedScalarFieldContainer[int]
    has_tokenizer: bool
    loads: _containers.RepeatedCompositeFieldContainer[LoadRow]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, model: _Optional[str] = ..., family: _Optional[str] = ..., checkpoint_digest: _Optional[str] = ..., hidden: _Optional[int] = ..., head_dim: _Optional[int] = ..., vocabulary: _Optional[int] = ..., tied_embeddings: bool = ..., architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., parameters: _Optional[int] = ..., dtypes: _Optional[_Iterable[_Union[Dtype, str]]] = ..., weight_bytes: _Optional[int] = ..., dimensions: _Optional[_Iterable[_Union[_common_pb2.Dimension, _Mapping]]] = ..., protected_layers: _Optional[_Iterable[int]] = ..., has_tokenizer: bool = ..., loads: _Optional[_Iterable[_Union[LoadRow, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class LoadRow(_message.Message):
    __slots__ = ("compensation", "exporter", "uniform", "loads_in", "note", "options")
    COMPENSATION_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    UNIFORM_FIELD_NUMBER: _ClassVar[int]
    LOADS_IN_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    compensation: str
    exporter: str
    uniform: bool
    loads_in: _containers.RepeatedScalarFieldContainer[str]
    note: str
    options: _struct_pb2.Struct
    def __init__(self, compensation: _Optional[str] = ..., exporter: _Optional[str] = ..., uniform: bool = ..., loads_in: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class ScoreUnitsRequest(_message.Message):
    __slots__ = ("model", "recipe")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    model: str
    recipe: _common_pb2.Recipe
    def __init__(self, model: _Optional[str] = ..., recipe: _Optional[_Union[_common_pb2.Recipe, _Mapping]] = ...) -> None: ...

class ScoreUnitsResponse(_message.Message):
    __slots__ = ("layer", "ffn_channels", "query_heads", "kv_groups", "recipe_digest", "ffn_errors", "attention_errors")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    FFN_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    QUERY_HEADS_FIELD_NUMBER: _ClassVar[int]
    KV_GROUPS_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    FFN_ERRORS_FIELD_NUMBER: _ClassVar[int]
    ATTENTION_ERRORS_FIELD_NUMBER: _ClassVar[int]
    layer: int
    ffn_channels: bytes
    query_heads: bytes
    kv_groups: bytes
    recipe_digest: str
    ffn_errors: bytes
    attention_errors: bytes
    def __init__(self, layer: _Optional[int] = ..., ffn_channels: _Optional[bytes] = ..., query_heads: _Optional[bytes] = ..., kv_groups: _Optional[bytes] = ..., recipe_digest: _Optional[str] = ..., ffn_errors: _Optional[bytes] = ..., attention_errors: _Optional[bytes] = ...) -> None: ...
