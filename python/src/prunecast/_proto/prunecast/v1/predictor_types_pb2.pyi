from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PredictorFeatures(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PREDICTOR_FEATURES_UNSPECIFIED: _ClassVar[PredictorFeatures]
    PREDICTOR_FEATURES_RATES: _ClassVar[PredictorFeatures]
    PREDICTOR_FEATURES_RATES_AND_ERRORS: _ClassVar[PredictorFeatures]

class RangeReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RANGE_REASON_UNSPECIFIED: _ClassVar[RangeReason]
    RANGE_REASON_IMPORTANT: _ClassVar[RangeReason]
    RANGE_REASON_MIDDLE: _ClassVar[RangeReason]
    RANGE_REASON_UNIMPORTANT: _ClassVar[RangeReason]
    RANGE_REASON_STEEP: _ClassVar[RangeReason]
    RANGE_REASON_FIXED: _ClassVar[RangeReason]
    RANGE_REASON_EDITED: _ClassVar[RangeReason]
PREDICTOR_FEATURES_UNSPECIFIED: PredictorFeatures
PREDICTOR_FEATURES_RATES: PredictorFeatures
PREDICTOR_FEATURES_RATES_AND_ERRORS: PredictorFeatures
RANGE_REASON_UNSPECIFIED: RangeReason
RANGE_REASON_IMPORTANT: RangeReason
RANGE_REASON_MIDDLE: RangeReason
RANGE_REASON_UNIMPORTANT: RangeReason
RANGE_REASON_STEEP: RangeReason
RANGE_REASON_FIXED: RangeReason
RANGE_REASON_EDITED: RangeReason

class Predictor(_message.Message):
    __slots__ = ("id", "backend", "model", "checkpoint_digest", "measurement_fingerprint", "fidelity_digest", "metrics", "dimensions", "recipe_digests", "pairs", "pairs_digest", "seed", "quality", "create_time", "study_id", "min_rates", "max_rates", "requested_backend", "scores", "features", "metric_backends", "learning")
    ID_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    PAIRS_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_RATES_FIELD_NUMBER: _ClassVar[int]
    MAX_RATES_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_BACKEND_FIELD_NUMBER: _ClassVar[int]
    SCORES_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    METRIC_BACKENDS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_FIELD_NUMBER: _ClassVar[int]
    id: str
    backend: str
    model: str
    checkpoint_digest: str
    measurement_fingerprint: str
    fidelity_digest: str
    metrics: _containers.RepeatedScalarFieldContainer[str]
    dimensions: _containers.RepeatedScalarFieldContainer[str]
    recipe_digests: _containers.RepeatedScalarFieldContainer[str]
    pairs: int
    pairs_digest: str
    seed: int
    quality: _containers.RepeatedCompositeFieldContainer[FitQuality]
    create_time: _timestamp_pb2.Timestamp
    study_id: str
    min_rates: _containers.RepeatedScalarFieldContainer[float]
    max_rates: _containers.RepeatedScalarFieldContainer[float]
    requested_backend: str
    scores: _containers.RepeatedCompositeFieldContainer[BackendScore]
    features: PredictorFeatures
    metric_backends: _containers.RepeatedScalarFieldContainer[str]
    learning: _containers.RepeatedCompositeFieldContainer[LearningPoint]
    def __init__(self, id: _Optional[str] = ..., backend: _Optional[str] = ..., model: _Optional[str] = ..., checkpoint_digest: _Optional[str] = ..., measurement_fingerprint: _Optional[str] = ..., fidelity_digest: _Optional[str] = ..., metrics: _Optional[_Iterable[str]] = ..., dimensions: _Optional[_Iterable[str]] = ..., recipe_digests: _Optional[_Iterable[str]] = ..., pairs: _Optional[int] = ..., pairs_digest: _Optional[str] = ..., seed: _Optional[int] = ..., quality: _Optional[_Iterable[_Union[FitQuality, _Mapping]]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., study_id: _Optional[str] = ..., min_rates: _Optional[_Iterable[float]] = ..., max_rates: _Optional[_Iterable[float]] = ..., requested_backend: _Optional[str] = ..., scores: _Optional[_Iterable[_Union[BackendScore, _Mapping]]] = ..., features: _Optional[_Union[PredictorFeatures, str]] = ..., metric_backends: _Optional[_Iterable[str]] = ..., learning: _Optional[_Iterable[_Union[LearningPoint, _Mapping]]] = ...) -> None: ...

class LearningPoint(_message.Message):
    __slots__ = ("metric", "pairs", "kendall_tau", "r2")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    KENDALL_TAU_FIELD_NUMBER: _ClassVar[int]
    R2_FIELD_NUMBER: _ClassVar[int]
    metric: str
    pairs: int
    kendall_tau: float
    r2: float
    def __init__(self, metric: _Optional[str] = ..., pairs: _Optional[int] = ..., kendall_tau: _Optional[float] = ..., r2: _Optional[float] = ...) -> None: ...

class ErrorTable(_message.Message):
    __slots__ = ("dimension", "errors", "counts")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    dimension: str
    errors: _containers.RepeatedScalarFieldContainer[float]
    counts: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, dimension: _Optional[str] = ..., errors: _Optional[_Iterable[float]] = ..., counts: _Optional[_Iterable[int]] = ...) -> None: ...

class BackendScore(_message.Message):
    __slots__ = ("backend", "chosen", "quality", "not_tried", "metric")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    NOT_TRIED_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    backend: str
    chosen: bool
    quality: FitQuality
    not_tried: str
    metric: str
    def __init__(self, backend: _Optional[str] = ..., chosen: bool = ..., quality: _Optional[_Union[FitQuality, _Mapping]] = ..., not_tried: _Optional[str] = ..., metric: _Optional[str] = ...) -> None: ...

class FitQuality(_message.Message):
    __slots__ = ("metric", "split", "fitted", "held_out", "kendall_tau", "spearman", "r2", "mae", "rmse", "top10_recall", "regret_at_1", "regret_at_10")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    FITTED_FIELD_NUMBER: _ClassVar[int]
    HELD_OUT_FIELD_NUMBER: _ClassVar[int]
    KENDALL_TAU_FIELD_NUMBER: _ClassVar[int]
    SPEARMAN_FIELD_NUMBER: _ClassVar[int]
    R2_FIELD_NUMBER: _ClassVar[int]
    MAE_FIELD_NUMBER: _ClassVar[int]
    RMSE_FIELD_NUMBER: _ClassVar[int]
    TOP10_RECALL_FIELD_NUMBER: _ClassVar[int]
    REGRET_AT_1_FIELD_NUMBER: _ClassVar[int]
    REGRET_AT_10_FIELD_NUMBER: _ClassVar[int]
    metric: str
    split: str
    fitted: int
    held_out: int
    kendall_tau: float
    spearman: float
    r2: float
    mae: float
    rmse: float
    top10_recall: float
    regret_at_1: float
    regret_at_10: float
    def __init__(self, metric: _Optional[str] = ..., split: _Optional[str] = ..., fitted: _Optional[int] = ..., held_out: _Optional[int] = ..., kendall_tau: _Optional[float] = ..., spearman: _Optional[float] = ..., r2: _Optional[float] = ..., mae: _Optional[float] = ..., rmse: _Optional[float] = ..., top10_recall: _Optional[float] = ..., regret_at_1: _Optional[float] = ..., regret_at_10: _Optional[float] = ...) -> None: ...

class RangeProposal(_message.Message):
    __slots__ = ("dimension", "old_min_rate", "old_max_rate", "new_min_rate", "new_max_rate", "importance", "reason")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    OLD_MIN_RATE_FIELD_NUMBER: _ClassVar[int]
    OLD_MAX_RATE_FIELD_NUMBER: _ClassVar[int]
    NEW_MIN_RATE_FIELD_NUMBER: _ClassVar[int]
    NEW_MAX_RATE_FIELD_NUMBER: _ClassVar[int]
    IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    dimension: str
    old_min_rate: float
    old_max_rate: float
    new_min_rate: float
    new_max_rate: float
    importance: float
    reason: RangeReason
    def __init__(self, dimension: _Optional[str] = ..., old_min_rate: _Optional[float] = ..., old_max_rate: _Optional[float] = ..., new_min_rate: _Optional[float] = ..., new_max_rate: _Optional[float] = ..., importance: _Optional[float] = ..., reason: _Optional[_Union[RangeReason, str]] = ...) -> None: ...
