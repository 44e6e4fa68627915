from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Documents(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENTS_UNSPECIFIED: _ClassVar[Documents]
    DOCUMENTS_JOINED: _ClassVar[Documents]
    DOCUMENTS_APART: _ClassVar[Documents]

class RecoveryEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECOVERY_END_UNSPECIFIED: _ClassVar[RecoveryEnd]
    RECOVERY_END_FINISHED: _ClassVar[RecoveryEnd]
    RECOVERY_END_OUT_OF_TIME: _ClassVar[RecoveryEnd]
    RECOVERY_END_NO_MORE_GAIN: _ClassVar[RecoveryEnd]

class WindowPreset(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WINDOW_PRESET_UNSPECIFIED: _ClassVar[WindowPreset]
    WINDOW_PRESET_WIKITEXT2_2048: _ClassVar[WindowPreset]
    WINDOW_PRESET_LLM_PRUNER_128: _ClassVar[WindowPreset]
    WINDOW_PRESET_DOCUMENT_WISE: _ClassVar[WindowPreset]

class Precision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRECISION_UNSPECIFIED: _ClassVar[Precision]
    PRECISION_FLOAT32: _ClassVar[Precision]
    PRECISION_INT8: _ClassVar[Precision]

class BudgetKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BUDGET_KIND_UNSPECIFIED: _ClassVar[BudgetKind]
    BUDGET_KIND_PARAMETERS: _ClassVar[BudgetKind]
    BUDGET_KIND_WEIGHT_BYTES: _ClassVar[BudgetKind]
    BUDGET_KIND_KV_CACHE_BYTES_PER_TOKEN: _ClassVar[BudgetKind]
    BUDGET_KIND_FLOPS_PER_TOKEN: _ClassVar[BudgetKind]
    BUDGET_KIND_LATENCY_MS: _ClassVar[BudgetKind]

class DimensionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIMENSION_KIND_UNSPECIFIED: _ClassVar[DimensionKind]
    DIMENSION_KIND_KV_HEADS: _ClassVar[DimensionKind]
    DIMENSION_KIND_QUERY_HEADS_PER_KV: _ClassVar[DimensionKind]
    DIMENSION_KIND_FFN_CHANNELS: _ClassVar[DimensionKind]

class ExportTarget(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_TARGET_UNSPECIFIED: _ClassVar[ExportTarget]
    EXPORT_TARGET_PER_LAYER: _ClassVar[ExportTarget]
    EXPORT_TARGET_UNIFORM: _ClassVar[ExportTarget]
DOCUMENTS_UNSPECIFIED: Documents
DOCUMENTS_JOINED: Documents
DOCUMENTS_APART: Documents
RECOVERY_END_UNSPECIFIED: RecoveryEnd
RECOVERY_END_FINISHED: RecoveryEnd
RECOVERY_END_OUT_OF_TIME: RecoveryEnd
RECOVERY_END_NO_MORE_GAIN: RecoveryEnd
WINDOW_PRESET_UNSPECIFIED: WindowPreset
WINDOW_PRESET_WIKITEXT2_2048: WindowPreset
WINDOW_PRESET_LLM_PRUNER_128: WindowPreset
WINDOW_PRESET_DOCUMENT_WISE: WindowPreset
PRECISION_UNSPECIFIED: Precision
PRECISION_FLOAT32: Precision
PRECISION_INT8: Precision
BUDGET_KIND_UNSPECIFIED: BudgetKind
BUDGET_KIND_PARAMETERS: BudgetKind
BUDGET_KIND_WEIGHT_BYTES: BudgetKind
BUDGET_KIND_KV_CACHE_BYTES_PER_TOKEN: BudgetKind
BUDGET_KIND_FLOPS_PER_TOKEN: BudgetKind
BUDGET_KIND_LATENCY_MS: BudgetKind
DIMENSION_KIND_UNSPECIFIED: DimensionKind
DIMENSION_KIND_KV_HEADS: DimensionKind
DIMENSION_KIND_QUERY_HEADS_PER_KV: DimensionKind
DIMENSION_KIND_FFN_CHANNELS: DimensionKind
EXPORT_TARGET_UNSPECIFIED: ExportTarget
EXPORT_TARGET_PER_LAYER: ExportTarget
EXPORT_TARGET_UNIFORM: ExportTarget

class PluginRef(_message.Message):
    __slots__ = ("id", "options")
    ID_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    options: _struct_pb2.Struct
    def __init__(self, id: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Text(_message.Message):
    __slots__ = ("path", "inline", "token_ids", "field", "documents")
    PATH_FIELD_NUMBER: _ClassVar[int]
    INLINE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_IDS_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    path: str
    inline: str
    token_ids: TokenIds
    field: str
    documents: Documents
    def __init__(self, path: _Optional[str] = ..., inline: _Optional[str] = ..., token_ids: _Optional[_Union[TokenIds, _Mapping]] = ..., field: _Optional[str] = ..., documents: _Optional[_Union[Documents, str]] = ...) -> None: ...

class TokenIds(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class LayerArchitecture(_message.Message):
    __slots__ = ("kv_heads", "query_heads_per_kv", "ffn_channels")
    KV_HEADS_FIELD_NUMBER: _ClassVar[int]
    QUERY_HEADS_PER_KV_FIELD_NUMBER: _ClassVar[int]
    FFN_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    kv_heads: int
    query_heads_per_kv: int
    ffn_channels: int
    def __init__(self, kv_heads: _Optional[int] = ..., query_heads_per_kv: _Optional[int] = ..., ffn_channels: _Optional[int] = ...) -> None: ...

class Architecture(_message.Message):
    __slots__ = ("layers",)
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    layers: _containers.RepeatedCompositeFieldContainer[LayerArchitecture]
    def __init__(self, layers: _Optional[_Iterable[_Union[LayerArchitecture, _Mapping]]] = ...) -> None: ...

class LayerKeptUnits(_message.Message):
    __slots__ = ("kv_groups", "query_heads", "ffn_channels")
    KV_GROUPS_FIELD_NUMBER: _ClassVar[int]
    QUERY_HEADS_FIELD_NUMBER: _ClassVar[int]
    FFN_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    kv_groups: bytes
    query_heads: bytes
    ffn_channels: bytes
    def __init__(self, kv_groups: _Optional[bytes] = ..., query_heads: _Optional[bytes] = ..., ffn_channels: _Optional[bytes] = ...) -> None: ...

class KeptUnits(_message.Message):
    __slots__ = ("layers",)
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    layers: _containers.RepeatedCompositeFieldContainer[LayerKeptUnits]
    def __init__(self, layers: _Optional[_Iterable[_Union[LayerKeptUnits, _Mapping]]] = ...) -> None: ...

class DimensionRates(_message.Message):
    __slots__ = ("rates",)
    RATES_FIELD_NUMBER: _ClassVar[int]
    rates: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, rates: _Optional[_Iterable[float]] = ...) -> None: ...

class Recipe(_message.Message):
    __slots__ = ("criterion", "compensation", "calibration", "seed")
    CRITERION_FIELD_NUMBER: _ClassVar[int]
    COMPENSATION_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    criterion: PluginRef
    compensation: PluginRef
    calibration: Calibration
    seed: int
    def __init__(self, criterion: _Optional[_Union[PluginRef, _Mapping]] = ..., compensation: _Optional[_Union[PluginRef, _Mapping]] = ..., calibration: _Optional[_Union[Calibration, _Mapping]] = ..., seed: _Optional[int] = ...) -> None: ...

class Calibration(_message.Message):
    __slots__ = ("text", "sequences", "sequence_tokens", "bos", "stream_sequences")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    BOS_FIELD_NUMBER: _ClassVar[int]
    STREAM_SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    text: Text
    sequences: int
    sequence_tokens: int
    bos: bool
    stream_sequences: int
    def __init__(self, text: _Optional[_Union[Text, _Mapping]] = ..., sequences: _Optional[int] = ..., sequence_tokens: _Optional[int] = ..., bos: bool = ..., stream_sequences: _Optional[int] = ...) -> None: ...

class RecoverySpec(_message.Message):
    __slots__ = ("plugin", "text")
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    plugin: PluginRef
    text: Calibration
    def __init__(self, plugin: _Optional[_Union[PluginRef, _Mapping]] = ..., text: _Optional[_Union[Calibration, _Mapping]] = ...) -> None: ...

class RecoveryResult(_message.Message):
    __slots__ = ("plugin", "steps", "best_step", "tokens", "seconds", "perplexity_before", "perplexity_after", "ended", "passes", "asked_passes")
    PLUGIN_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    BEST_STEP_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    PERPLEXITY_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PERPLEXITY_AFTER_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    PASSES_FIELD_NUMBER: _ClassVar[int]
    ASKED_PASSES_FIELD_NUMBER: _ClassVar[int]
    plugin: str
    steps: int
    best_step: int
    tokens: int
    seconds: float
    perplexity_before: float
    perplexity_after: float
    ended: RecoveryEnd
    passes: float
    asked_passes: float
    def __init__(self, plugin: _Optional[str] = ..., steps: _Optional[int] = ..., best_step: _Optional[int] = ..., tokens: _Optional[int] = ..., seconds: _Optional[float] = ..., perplexity_before: _Optional[float] = ..., perplexity_after: _Optional[float] = ..., ended: _Optional[_Union[RecoveryEnd, str]] = ..., passes: _Optional[float] = ..., asked_passes: _Optional[float] = ...) -> None: ...

class WindowProtocol(_message.Message):
    __slots__ = ("window", "stride", "bos", "preset")
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    BOS_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    window: int
    stride: int
    bos: bool
    preset: WindowPreset
    def __init__(self, window: _Optional[int] = ..., stride: _Optional[int] = ..., bos: bool = ..., preset: _Optional[_Union[WindowPreset, str]] = ...) -> None: ...

class MeasurementSpec(_message.Message):
    __slots__ = ("evaluator", "text", "windows", "name", "fidelity")
    EVALUATOR_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_FIELD_NUMBER: _ClassVar[int]
    evaluator: PluginRef
    text: Text
    windows: WindowProtocol
    name: str
    fidelity: FidelitySpec
    def __init__(self, evaluator: _Optional[_Union[PluginRef, _Mapping]] = ..., text: _Optional[_Union[Text, _Mapping]] = ..., windows: _Optional[_Union[WindowProtocol, _Mapping]] = ..., name: _Optional[str] = ..., fidelity: _Optional[_Union[FidelitySpec, _Mapping]] = ...) -> None: ...

class FidelitySpec(_message.Message):
    __slots__ = ("token_limit", "precision")
    TOKEN_LIMIT_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    token_limit: int
    precision: Precision
    def __init__(self, token_limit: _Optional[int] = ..., precision: _Optional[_Union[Precision, str]] = ...) -> None: ...

class Measurement(_message.Message):
    __slots__ = ("fingerprint", "text_digest", "tokenizer_digest", "window", "stride", "bos", "scorer", "prompt_format", "bos_token", "machine", "exporter")
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    TEXT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    TOKENIZER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    BOS_FIELD_NUMBER: _ClassVar[int]
    SCORER_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FORMAT_FIELD_NUMBER: _ClassVar[int]
    BOS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    fingerprint: str
    text_digest: str
    tokenizer_digest: str
    window: int
    stride: int
    bos: bool
    scorer: str
    prompt_format: str
    bos_token: int
    machine: str
    exporter: str
    def __init__(self, fingerprint: _Optional[str] = ..., text_digest: _Optional[str] = ..., tokenizer_digest: _Optional[str] = ..., window: _Optional[int] = ..., stride: _Optional[int] = ..., bos: bool = ..., scorer: _Optional[str] = ..., prompt_format: _Optional[str] = ..., bos_token: _Optional[int] = ..., machine: _Optional[str] = ..., exporter: _Optional[str] = ...) -> None: ...

class Fidelity(_message.Message):
    __slots__ = ("tokens", "windows", "precision", "digest")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    WINDOWS_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    windows: int
    precision: Precision
    digest: str
    def __init__(self, tokens: _Optional[int] = ..., windows: _Optional[int] = ..., precision: _Optional[_Union[Precision, str]] = ..., digest: _Optional[str] = ...) -> None: ...

class Budget(_message.Message):
    __slots__ = ("kind", "at_most", "removed_share", "context_tokens", "bytes_per_number")
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_MOST_FIELD_NUMBER: _ClassVar[int]
    REMOVED_SHARE_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_NUMBER_FIELD_NUMBER: _ClassVar[int]
    kind: BudgetKind
    at_most: float
    removed_share: float
    context_tokens: int
    bytes_per_number: int
    def __init__(self, kind: _Optional[_Union[BudgetKind, str]] = ..., at_most: _Optional[float] = ..., removed_share: _Optional[float] = ..., context_tokens: _Optional[int] = ..., bytes_per_number: _Optional[int] = ...) -> None: ...

class SearchSpaceSpec(_message.Message):
    __slots__ = ("protected_layers", "kinds", "min_rate", "max_rate", "rate_step", "channel_multiple", "tie_run", "target", "ranges", "exporter")
    PROTECTED_LAYERS_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    MIN_RATE_FIELD_NUMBER: _ClassVar[int]
    MAX_RATE_FIELD_NUMBER: _ClassVar[int]
    RATE_STEP_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_MULTIPLE_FIELD_NUMBER: _ClassVar[int]
    TIE_RUN_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    RANGES_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    protected_layers: LayerList
    kinds: _containers.RepeatedScalarFieldContainer[DimensionKind]
    min_rate: float
    max_rate: float
    rate_step: float
    channel_multiple: int
    tie_run: int
    target: ExportTarget
    ranges: _containers.RepeatedCompositeFieldContainer[DimensionRange]
    exporter: PluginRef
    def __init__(self, protected_layers: _Optional[_Union[LayerList, _Mapping]] = ..., kinds: _Optional[_Iterable[_Union[DimensionKind, str]]] = ..., min_rate: _Optional[float] = ..., max_rate: _Optional[float] = ..., rate_step: _Optional[float] = ..., channel_multiple: _Optional[int] = ..., tie_run: _Optional[int] = ..., target: _Optional[_Union[ExportTarget, str]] = ..., ranges: _Optional[_Iterable[_Union[DimensionRange, _Mapping]]] = ..., exporter: _Optional[_Union[PluginRef, _Mapping]] = ...) -> None: ...

class LayerList(_message.Message):
    __slots__ = ("layers",)
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    layers: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, layers: _Optional[_Iterable[int]] = ...) -> None: ...

class DimensionRange(_message.Message):
    __slots__ = ("dimension", "min_rate", "max_rate")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    MIN_RATE_FIELD_NUMBER: _ClassVar[int]
    MAX_RATE_FIELD_NUMBER: _ClassVar[int]
    dimension: str
    min_rate: float
    max_rate: float
    def __init__(self, dimension: _Optional[str] = ..., min_rate: _Optional[float] = ..., max_rate: _Optional[float] = ...) -> None: ...

class Dimension(_message.Message):
    __slots__ = ("name", "kind", "layers", "size", "min_count", "max_count", "choices")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MIN_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_COUNT_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: DimensionKind
    layers: _containers.RepeatedScalarFieldContainer[int]
    size: int
    min_count: int
    max_count: int
    choices: int
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[_Union[DimensionKind, str]] = ..., layers: _Optional[_Iterable[int]] = ..., size: _Optional[int] = ..., min_count: _Optional[int] = ..., max_count: _Optional[int] = ..., choices: _Optional[int] = ...) -> None: ...

class EncodingBatch(_message.Message):
    __slots__ = ("rates", "dimensions")
    RATES_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    rates: bytes
    dimensions: int
    def __init__(self, rates: _Optional[bytes] = ..., dimensions: _Optional[int] = ...) -> None: ...

class Cost(_message.Message):
    __slots__ = ("kind", "value", "dense_value", "measured")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    DENSE_VALUE_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    kind: BudgetKind
    value: float
    dense_value: float
    measured: float
    def __init__(self, kind: _Optional[_Union[BudgetKind, str]] = ..., value: _Optional[float] = ..., dense_value: _Optional[float] = ..., measured: _Optional[float] = ...) -> None: ...

class WrittenExport(_message.Message):
    __slots__ = ("output", "exporter", "files", "bytes", "costs", "loads_in")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    LOADS_IN_FIELD_NUMBER: _ClassVar[int]
    output: str
    exporter: str
    files: _containers.RepeatedScalarFieldContainer[str]
    bytes: int
    costs: _containers.RepeatedCompositeFieldContainer[Cost]
    loads_in: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, output: _Optional[str] = ..., exporter: _Optional[str] = ..., files: _Optional[_Iterable[str]] = ..., bytes: _Optional[int] = ..., costs: _Optional[_Iterable[_Union[Cost, _Mapping]]] = ..., loads_in: _Optional[_Iterable[str]] = ...) -> None: ...
