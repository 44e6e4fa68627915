from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Better(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    BETTER_UNSPECIFIED: _ClassVar[Better]
    BETTER_LOWER: _ClassVar[Better]
    BETTER_HIGHER: _ClassVar[Better]

class Scale(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCALE_UNSPECIFIED: _ClassVar[Scale]
    SCALE_LINEAR: _ClassVar[Scale]
    SCALE_LOG: _ClassVar[Scale]

class UnitKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNIT_KIND_UNSPECIFIED: _ClassVar[UnitKind]
    UNIT_KIND_FFN_CHANNEL: _ClassVar[UnitKind]
    UNIT_KIND_QUERY_HEAD: _ClassVar[UnitKind]
    UNIT_KIND_KV_GROUP: _ClassVar[UnitKind]
    UNIT_KIND_LAYER: _ClassVar[UnitKind]
BETTER_UNSPECIFIED: Better
BETTER_LOWER: Better
BETTER_HIGHER: Better
SCALE_UNSPECIFIED: Scale
SCALE_LINEAR: Scale
SCALE_LOG: Scale
UNIT_KIND_UNSPECIFIED: UnitKind
UNIT_KIND_FFN_CHANNEL: UnitKind
UNIT_KIND_QUERY_HEAD: UnitKind
UNIT_KIND_KV_GROUP: UnitKind
UNIT_KIND_LAYER: UnitKind

class GetInfoRequest(_message.Message):
    __slots__ = ("protocol_version", "server_version")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    server_version: str
    def __init__(self, protocol_version: _Optional[int] = ..., server_version: _Optional[str] = ...) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("protocol_version", "plugins", "concurrent_calls")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    PLUGINS_FIELD_NUMBER: _ClassVar[int]
    CONCURRENT_CALLS_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    plugins: _containers.RepeatedCompositeFieldContainer[PluginInfo]
    concurrent_calls: int
    def __init__(self, protocol_version: _Optional[int] = ..., plugins: _Optional[_Iterable[_Union[PluginInfo, _Mapping]]] = ..., concurrent_calls: _Optional[int] = ...) -> None: ...

class PluginInfo(_message.Message):
    __slots__ = ("id", "version", "summary", "options_schema", "overrides", "predictor", "evaluator", "criterion", "strategy")
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    OVERRIDES_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_FIELD_NUMBER: _ClassVar[int]
    EVALUATOR_FIELD_NUMBER: _ClassVar[int]
    CRITERION_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    id: str
    version: str
    summary: str
    options_schema: _struct_pb2.Struct
    overrides: bool
    predictor: PredictorInfo
    evaluator: EvaluatorInfo
    criterion: CriterionInfo
    strategy: StrategyInfo
    def __init__(self, id: _Optional[str] = ..., version: _Optional[str] = ..., summary: _Optional[str] = ..., options_schema: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., overrides: bool = ..., predictor: _Optional[_Union[PredictorInfo, _Mapping]] = ..., evaluator: _Optional[_Union[EvaluatorInfo, _Mapping]] = ..., criterion: _Optional[_Union[CriterionInfo, _Mapping]] = ..., strategy: _Optional[_Union[StrategyInfo, _Mapping]] = ...) -> None: ...

class PredictorInfo(_message.Message):
    __slots__ = ("least_pairs", "most_pairs", "quick_options")
    LEAST_PAIRS_FIELD_NUMBER: _ClassVar[int]
    MOST_PAIRS_FIELD_NUMBER: _ClassVar[int]
    QUICK_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    least_pairs: int
    most_pairs: int
    quick_options: _struct_pb2.Struct
    def __init__(self, least_pairs: _Optional[int] = ..., most_pairs: _Optional[int] = ..., quick_options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class EvaluatorInfo(_message.Message):
    __slots__ = ("metrics", "exporter", "exporter_options")
    METRICS_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.RepeatedCompositeFieldContainer[MetricInfo]
    exporter: str
    exporter_options: _struct_pb2.Struct
    def __init__(self, metrics: _Optional[_Iterable[_Union[MetricInfo, _Mapping]]] = ..., exporter: _Optional[str] = ..., exporter_options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class MetricInfo(_message.Message):
    __slots__ = ("name", "better", "scale", "mean", "summary")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BETTER_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    name: str
    better: Better
    scale: Scale
    mean: MeanOfItems
    summary: str
    def __init__(self, name: _Optional[str] = ..., better: _Optional[_Union[Better, str]] = ..., scale: _Optional[_Union[Scale, str]] = ..., mean: _Optional[_Union[MeanOfItems, _Mapping]] = ..., summary: _Optional[str] = ...) -> None: ...

class MeanOfItems(_message.Message):
    __slots__ = ("of", "per")
    OF_FIELD_NUMBER: _ClassVar[int]
    PER_FIELD_NUMBER: _ClassVar[int]
    of: str
    per: str
    def __init__(self, of: _Optional[str] = ..., per: _Optional[str] = ...) -> None: ...

class CriterionInfo(_message.Message):
    __slots__ = ("needs_calibration",)
    NEEDS_CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    needs_calibration: bool
    def __init__(self, needs_calibration: bool = ...) -> None: ...

class StrategyInfo(_message.Message):
    __slots__ = ("many_objectives", "samples_per_ask")
    MANY_OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_PER_ASK_FIELD_NUMBER: _ClassVar[int]
    many_objectives: bool
    samples_per_ask: int
    def __init__(self, many_objectives: bool = ..., samples_per_ask: _Optional[int] = ...) -> None: ...

class Encodings(_message.Message):
    __slots__ = ("rates", "dimensions")
    RATES_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    rates: bytes
    dimensions: int
    def __init__(self, rates: _Optional[bytes] = ..., dimensions: _Optional[int] = ...) -> None: ...

class FitRequest(_message.Message):
    __slots__ = ("start", "pairs")
    START_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    start: FitStart
    pairs: Pairs
    def __init__(self, start: _Optional[_Union[FitStart, _Mapping]] = ..., pairs: _Optional[_Union[Pairs, _Mapping]] = ...) -> None: ...

class FitStart(_message.Message):
    __slots__ = ("id", "options", "seed", "dimensions", "pairs", "metric")
    ID_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    id: str
    options: _struct_pb2.Struct
    seed: int
    dimensions: _containers.RepeatedScalarFieldContainer[str]
    pairs: int
    metric: TargetMetric
    def __init__(self, id: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., seed: _Optional[int] = ..., dimensions: _Optional[_Iterable[str]] = ..., pairs: _Optional[int] = ..., metric: _Optional[_Union[TargetMetric, _Mapping]] = ...) -> None: ...

class TargetMetric(_message.Message):
    __slots__ = ("name", "better", "scale")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BETTER_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    name: str
    better: Better
    scale: Scale
    def __init__(self, name: _Optional[str] = ..., better: _Optional[_Union[Better, str]] = ..., scale: _Optional[_Union[Scale, str]] = ...) -> None: ...

class Pairs(_message.Message):
    __slots__ = ("encodings", "targets")
    ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    encodings: Encodings
    targets: bytes
    def __init__(self, encodings: _Optional[_Union[Encodings, _Mapping]] = ..., targets: _Optional[bytes] = ...) -> None: ...

class FitResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: bytes
    def __init__(self, state: _Optional[bytes] = ...) -> None: ...

class LoadStateRequest(_message.Message):
    __slots__ = ("start", "state")
    START_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    start: LoadStateStart
    state: bytes
    def __init__(self, start: _Optional[_Union[LoadStateStart, _Mapping]] = ..., state: _Optional[bytes] = ...) -> None: ...

class LoadStateStart(_message.Message):
    __slots__ = ("id", "state_id", "bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_ID_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    state_id: str
    bytes: int
    def __init__(self, id: _Optional[str] = ..., state_id: _Optional[str] = ..., bytes: _Optional[int] = ...) -> None: ...

class LoadStateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PredictRequest(_message.Message):
    __slots__ = ("id", "state_id", "encodings")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_ID_FIELD_NUMBER: _ClassVar[int]
    ENCODINGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    state_id: str
    encodings: Encodings
    def __init__(self, id: _Optional[str] = ..., state_id: _Optional[str] = ..., encodings: _Optional[_Union[Encodings, _Mapping]] = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("means", "deviations")
    MEANS_FIELD_NUMBER: _ClassVar[int]
    DEVIATIONS_FIELD_NUMBER: _ClassVar[int]
    means: bytes
    deviations: bytes
    def __init__(self, means: _Optional[bytes] = ..., deviations: _Optional[bytes] = ...) -> None: ...

class EvaluateRequest(_message.Message):
    __slots__ = ("id", "options", "checkpoint_folder", "model_digest", "layers")
    ID_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FOLDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    id: str
    options: _struct_pb2.Struct
    checkpoint_folder: str
    model_digest: str
    layers: _containers.RepeatedCompositeFieldContainer[LayerShape]
    def __init__(self, id: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., checkpoint_folder: _Optional[str] = ..., model_digest: _Optional[str] = ..., layers: _Optional[_Iterable[_Union[LayerShape, _Mapping]]] = ...) -> None: ...

class LayerShape(_message.Message):
    __slots__ = ("kv_heads", "query_heads_per_kv", "ffn_channels")
    KV_HEADS_FIELD_NUMBER: _ClassVar[int]
    QUERY_HEADS_PER_KV_FIELD_NUMBER: _ClassVar[int]
    FFN_CHANNELS_FIELD_NUMBER: _ClassVar[int]
    kv_heads: int
    query_heads_per_kv: int
    ffn_channels: int
    def __init__(self, kv_heads: _Optional[int] = ..., query_heads_per_kv: _Optional[int] = ..., ffn_channels: _Optional[int] = ...) -> None: ...

class EvaluateResponse(_message.Message):
    __slots__ = ("metrics", "items")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    METRICS_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    metrics: _containers.ScalarMap[str, float]
    items: _containers.RepeatedCompositeFieldContainer[ItemColumn]
    def __init__(self, metrics: _Optional[_Mapping[str, float]] = ..., items: _Optional[_Iterable[_Union[ItemColumn, _Mapping]]] = ...) -> None: ...

class ItemColumn(_message.Message):
    __slots__ = ("name", "values")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    name: str
    values: bytes
    def __init__(self, name: _Optional[str] = ..., values: _Optional[bytes] = ...) -> None: ...

class ScoreRequest(_message.Message):
    __slots__ = ("start", "calibration")
    START_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_FIELD_NUMBER: _ClassVar[int]
    start: ScoreStart
    calibration: Sequences
    def __init__(self, start: _Optional[_Union[ScoreStart, _Mapping]] = ..., calibration: _Optional[_Union[Sequences, _Mapping]] = ...) -> None: ...

class ScoreStart(_message.Message):
    __slots__ = ("id", "options", "seed", "checkpoint_folder", "model_digest", "groups", "sequences")
    ID_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FOLDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_DIGEST_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    id: str
    options: _struct_pb2.Struct
    seed: int
    checkpoint_folder: str
    model_digest: str
    groups: _containers.RepeatedCompositeFieldContainer[UnitGroup]
    sequences: int
    def __init__(self, id: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., seed: _Optional[int] = ..., checkpoint_folder: _Optional[str] = ..., model_digest: _Optional[str] = ..., groups: _Optional[_Iterable[_Union[UnitGroup, _Mapping]]] = ..., sequences: _Optional[int] = ...) -> None: ...

class UnitGroup(_message.Message):
    __slots__ = ("layer", "kind", "units")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    layer: int
    kind: UnitKind
    units: int
    def __init__(self, layer: _Optional[int] = ..., kind: _Optional[_Union[UnitKind, str]] = ..., units: _Optional[int] = ...) -> None: ...

class Sequences(_message.Message):
    __slots__ = ("tokens", "lengths")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    LENGTHS_FIELD_NUMBER: _ClassVar[int]
    tokens: bytes
    lengths: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, tokens: _Optional[bytes] = ..., lengths: _Optional[_Iterable[int]] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("layer", "kind", "scores")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    layer: int
    kind: UnitKind
    scores: bytes
    def __init__(self, layer: _Optional[int] = ..., kind: _Optional[_Union[UnitKind, str]] = ..., scores: _Optional[bytes] = ...) -> None: ...

class RunRequest(_message.Message):
    __slots__ = ("start", "evaluated", "ask", "tell", "best", "question")
    START_FIELD_NUMBER: _ClassVar[int]
    EVALUATED_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    TELL_FIELD_NUMBER: _ClassVar[int]
    BEST_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    start: RunStart
    evaluated: EvaluatedPoints
    ask: Ask
    tell: Tell
    best: Best
    question: int
    def __init__(self, start: _Optional[_Union[RunStart, _Mapping]] = ..., evaluated: _Optional[_Union[EvaluatedPoints, _Mapping]] = ..., ask: _Optional[_Union[Ask, _Mapping]] = ..., tell: _Optional[_Union[Tell, _Mapping]] = ..., best: _Optional[_Union[Best, _Mapping]] = ..., question: _Optional[int] = ...) -> None: ...

class RunStart(_message.Message):
    __slots__ = ("id", "options", "seed", "dimensions", "candidates", "objectives")
    ID_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    id: str
    options: _struct_pb2.Struct
    seed: int
    dimensions: _containers.RepeatedCompositeFieldContainer[SearchDimension]
    candidates: int
    objectives: int
    def __init__(self, id: _Optional[str] = ..., options: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., seed: _Optional[int] = ..., dimensions: _Optional[_Iterable[_Union[SearchDimension, _Mapping]]] = ..., candidates: _Optional[int] = ..., objectives: _Optional[int] = ...) -> None: ...

class SearchDimension(_message.Message):
    __slots__ = ("name", "kind", "size", "counts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    kind: str
    size: int
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., kind: _Optional[str] = ..., size: _Optional[int] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class Points(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: bytes
    def __init__(self, counts: _Optional[bytes] = ...) -> None: ...

class EvaluatedPoints(_message.Message):
    __slots__ = ("points", "values")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    points: Points
    values: bytes
    def __init__(self, points: _Optional[_Union[Points, _Mapping]] = ..., values: _Optional[bytes] = ...) -> None: ...

class Ask(_message.Message):
    __slots__ = ("samples",)
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    samples: Points
    def __init__(self, samples: _Optional[_Union[Points, _Mapping]] = ...) -> None: ...

class Tell(_message.Message):
    __slots__ = ("points", "objectives")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    OBJECTIVES_FIELD_NUMBER: _ClassVar[int]
    points: Points
    objectives: _containers.RepeatedCompositeFieldContainer[ObjectivePrediction]
    def __init__(self, points: _Optional[_Union[Points, _Mapping]] = ..., objectives: _Optional[_Iterable[_Union[ObjectivePrediction, _Mapping]]] = ...) -> None: ...

class ObjectivePrediction(_message.Message):
    __slots__ = ("means", "deviations")
    MEANS_FIELD_NUMBER: _ClassVar[int]
    DEVIATIONS_FIELD_NUMBER: _ClassVar[int]
    means: bytes
    deviations: bytes
    def __init__(self, means: _Optional[bytes] = ..., deviations: _Optional[bytes] = ...) -> None: ...

class Best(_message.Message):
    __slots__ = ("count",)
    COUNT_FIELD_NUMBER: _ClassVar[int]
    count: int
    def __init__(self, count: _Optional[int] = ...) -> None: ...

class RunResponse(_message.Message):
    __slots__ = ("points", "question")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    points: Points
    question: int
    def __init__(self, points: _Optional[_Union[Points, _Mapping]] = ..., question: _Optional[int] = ...) -> None: ...
