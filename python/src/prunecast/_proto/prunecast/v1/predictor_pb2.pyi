from prunecast._proto.prunecast.v1 import common_pb2 as _common_pb2
from prunecast._proto.prunecast.v1 import job_pb2 as _job_pb2
from prunecast._proto.prunecast.v1 import pair_pb2 as _pair_pb2
from prunecast._proto.prunecast.v1 import predictor_types_pb2 as _predictor_types_pb2
from prunecast._proto.prunecast.v1 import pruning_pb2 as _pruning_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FitPredictorRequest(_message.Message):
    __slots__ = ("request_id", "pairs", "study_id", "predictor", "seed", "metrics", "features", "error_tables", "learning_curve", "unseen_pairs", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    PREDICTOR_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    ERROR_TABLES_FIELD_NUMBER: _ClassVar[int]
    LEARNING_CURVE_FIELD_NUMBER: _ClassVar[int]
    UNSEEN_PAIRS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    pairs: _pair_pb2.PairSet
    study_id: str
    predictor: _common_pb2.PluginRef
    seed: int
    metrics: _containers.RepeatedScalarFieldContainer[str]
    features: _predictor_types_pb2.PredictorFeatures
    error_tables: _containers.RepeatedCompositeFieldContainer[_predictor_types_pb2.ErrorTable]
    learning_curve: bool
    unseen_pairs: _containers.RepeatedScalarFieldContainer[int]
    labels: _containers.ScalarMap[str, str]
    def __init__(self, request_id: _Optional[str] = ..., pairs: _Optional[_Union[_pair_pb2.PairSet, _Mapping]] = ..., study_id: _Optional[str] = ..., predictor: _Optional[_Union[_common_pb2.PluginRef, _Mapping]] = ..., seed: _Optional[int] = ..., metrics: _Optional[_Iterable[str]] = ..., features: _Optional[_Union[_predictor_types_pb2.PredictorFeatures, str]] = ..., error_tables: _Optional[_Iterable[_Union[_predictor_types_pb2.ErrorTable, _Mapping]]] = ..., learning_curve: bool = ..., unseen_pairs: _Optional[_Iterable[int]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class FitPredictorResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class GetPredictorRequest(_message.Message):
    __slots__ = ("predictor_id",)
    PREDICTOR_ID_FIELD_NUMBER: _ClassVar[int]
    predictor_id: str
    def __init__(self, predictor_id: _Optional[str] = ...) -> None: ...

class GetPredictorResponse(_message.Message):
    __slots__ = ("predictor",)
    PREDICTOR_FIELD_NUMBER: _ClassVar[int]
    predictor: _predictor_types_pb2.Predictor
    def __init__(self, predictor: _Optional[_Union[_predictor_types_pb2.Predictor, _Mapping]] = ...) -> None: ...

class ListPredictorsRequest(_message.Message):
    __slots__ = ("study_id", "page_size", "page_token")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    page_size: int
    page_token: str
    def __init__(self, study_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPredictorsResponse(_message.Message):
    __slots__ = ("predictors", "next_page_token")
    PREDICTORS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    predictors: _containers.RepeatedCompositeFieldContainer[_predictor_types_pb2.Predictor]
    next_page_token: str
    def __init__(self, predictors: _Optional[_Iterable[_Union[_predictor_types_pb2.Predictor, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeletePredictorRequest(_message.Message):
    __slots__ = ("predictor_id",)
    PREDICTOR_ID_FIELD_NUMBER: _ClassVar[int]
    predictor_id: str
    def __init__(self, predictor_id: _Optional[str] = ...) -> None: ...

class DeletePredictorResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExplainPredictorRequest(_message.Message):
    __slots__ = ("predictor_id", "points", "metric")
    PREDICTOR_ID_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    predictor_id: str
    points: int
    metric: str
    def __init__(self, predictor_id: _Optional[str] = ..., points: _Optional[int] = ..., metric: _Optional[str] = ...) -> None: ...

class ExplainPredictorResponse(_message.Message):
    __slots__ = ("dimensions",)
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    dimensions: _containers.RepeatedCompositeFieldContainer[DimensionEffect]
    def __init__(self, dimensions: _Optional[_Iterable[_Union[DimensionEffect, _Mapping]]] = ...) -> None: ...

class DimensionEffect(_message.Message):
    __slots__ = ("dimension", "permutation_importance", "rates", "effect")
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    PERMUTATION_IMPORTANCE_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    dimension: str
    permutation_importance: float
    rates: _containers.RepeatedScalarFieldContainer[float]
    effect: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, dimension: _Optional[str] = ..., permutation_importance: _Optional[float] = ..., rates: _Optional[_Iterable[float]] = ..., effect: _Optional[_Iterable[float]] = ...) -> None: ...

class ProposeRefinementRequest(_message.Message):
    __slots__ = ("predictor_id", "model", "space", "refine", "metric")
    PREDICTOR_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SPACE_FIELD_NUMBER: _ClassVar[int]
    REFINE_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    predictor_id: str
    model: str
    space: _common_pb2.SearchSpaceSpec
    refine: _pruning_pb2.RefinePlan
    metric: str
    def __init__(self, predictor_id: _Optional[str] = ..., model: _Optional[str] = ..., space: _Optional[_Union[_common_pb2.SearchSpaceSpec, _Mapping]] = ..., refine: _Optional[_Union[_pruning_pb2.RefinePlan, _Mapping]] = ..., metric: _Optional[str] = ...) -> None: ...

class ProposeRefinementResponse(_message.Message):
    __slots__ = ("ranges",)
    RANGES_FIELD_NUMBER: _ClassVar[int]
    ranges: _containers.RepeatedCompositeFieldContainer[_predictor_types_pb2.RangeProposal]
    def __init__(self, ranges: _Optional[_Iterable[_Union[_predictor_types_pb2.RangeProposal, _Mapping]]] = ...) -> None: ...
