from prunecast._proto.prunecast.v1 import job_pb2 as _job_pb2
from prunecast._proto.prunecast.v1 import pruning_pb2 as _pruning_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Pair(_message.Message):
    __slots__ = ("rates", "metrics", "recipe_digest")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    RATES_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    rates: _containers.RepeatedScalarFieldContainer[float]
    metrics: _containers.ScalarMap[str, float]
    recipe_digest: str
    def __init__(self, rates: _Optional[_Iterable[float]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., recipe_digest: _Optional[str] = ...) -> None: ...

class PairSet(_message.Message):
    __slots__ = ("dimensions", "model", "checkpoint_digest", "measurement_fingerprint", "fidelity_digest", "pairs")
    DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    FIDELITY_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    dimensions: _containers.RepeatedScalarFieldContainer[str]
    model: str
    checkpoint_digest: str
    measurement_fingerprint: str
    fidelity_digest: str
    pairs: _containers.RepeatedCompositeFieldContainer[Pair]
    def __init__(self, dimensions: _Optional[_Iterable[str]] = ..., model: _Optional[str] = ..., checkpoint_digest: _Optional[str] = ..., measurement_fingerprint: _Optional[str] = ..., fidelity_digest: _Optional[str] = ..., pairs: _Optional[_Iterable[_Union[Pair, _Mapping]]] = ...) -> None: ...

class SamplePairsRequest(_message.Message):
    __slots__ = ("search",)
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    search: _pruning_pb2.SearchRequest
    def __init__(self, search: _Optional[_Union[_pruning_pb2.SearchRequest, _Mapping]] = ...) -> None: ...

class SamplePairsResponse(_message.Message):
    __slots__ = ("job",)
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: _job_pb2.Job
    def __init__(self, job: _Optional[_Union[_job_pb2.Job, _Mapping]] = ...) -> None: ...

class ImportPairsRequest(_message.Message):
    __slots__ = ("set", "pair")
    SET_FIELD_NUMBER: _ClassVar[int]
    PAIR_FIELD_NUMBER: _ClassVar[int]
    set: PairSet
    pair: Pair
    def __init__(self, set: _Optional[_Union[PairSet, _Mapping]] = ..., pair: _Optional[_Union[Pair, _Mapping]] = ...) -> None: ...

class ImportPairsResponse(_message.Message):
    __slots__ = ("study_id", "pairs")
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    pairs: int
    def __init__(self, study_id: _Optional[str] = ..., pairs: _Optional[int] = ...) -> None: ...

class ExportPairsRequest(_message.Message):
    __slots__ = ("study_id",)
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    study_id: str
    def __init__(self, study_id: _Optional[str] = ...) -> None: ...

class ExportPairsResponse(_message.Message):
    __slots__ = ("set", "pair")
    SET_FIELD_NUMBER: _ClassVar[int]
    PAIR_FIELD_NUMBER: _ClassVar[int]
    set: PairSet
    pair: Pair
    def __init__(self, set: _Optional[_Union[PairSet, _Mapping]] = ..., pair: _Optional[_Union[Pair, _Mapping]] = ...) -> None: ...
