from google.protobuf import timestamp_pb2 as _timestamp_pb2
from prunecast._proto.prunecast.v1 import common_pb2 as _common_pb2
from prunecast._proto.prunecast.v1 import job_pb2 as _job_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHECK_OUTCOME_UNSPECIFIED: _ClassVar[CheckOutcome]
    CHECK_OUTCOME_PASSED: _ClassVar[CheckOutcome]
    CHECK_OUTCOME_FAILED: _ClassVar[CheckOutcome]
    CHECK_OUTCOME_NOT_CHECKED: _ClassVar[CheckOutcome]
CHECK_OUTCOME_UNSPECIFIED: CheckOutcome
CHECK_OUTCOME_PASSED: CheckOutcome
CHECK_OUTCOME_FAILED: CheckOutcome
CHECK_OUTCOME_NOT_CHECKED: CheckOutcome

class ListOutputsRequest(_message.Message):
    __slots__ = ("folder", "page_size", "page_token")
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    folder: str
    page_size: int
    page_token: str
    def __init__(self, folder: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListOutputsResponse(_message.Message):
    __slots__ = ("outputs", "next_page_token", "truncated")
    OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    outputs: _containers.RepeatedCompositeFieldContainer[OutputSummary]
    next_page_token: str
    truncated: bool
    def __init__(self, outputs: _Optional[_Iterable[_Union[OutputSummary, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., truncated: bool = ...) -> None: ...

class OutputSummary(_message.Message):
    __slots__ = ("output", "model", "checkpoint_digest", "dense_parameters", "architecture", "parameters", "bytes", "recipe_digest", "study_id", "exporter", "recovered", "create_time", "fault", "costs", "metrics", "measurement_fingerprint", "job_id")
    class MetricsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    DENSE_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    RECIPE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STUDY_ID_FIELD_NUMBER: _ClassVar[int]
    EXPORTER_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    COSTS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    MEASUREMENT_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    output: str
    model: str
    checkpoint_digest: str
    dense_parameters: int
    architecture: _common_pb2.Architecture
    parameters: int
    bytes: int
    recipe_digest: str
    study_id: str
    exporter: str
    recovered: bool
    create_time: _timestamp_pb2.Timestamp
    fault: str
    costs: _containers.RepeatedCompositeFieldContainer[_common_pb2.Cost]
    metrics: _containers.ScalarMap[str, float]
    measurement_fingerprint: str
    job_id: str
    def __init__(self, output: _Optional[str] = ..., model: _Optional[str] = ..., checkpoint_digest: _Optional[str] = ..., dense_parameters: _Optional[int] = ..., architecture: _Optional[_Union[_common_pb2.Architecture, _Mapping]] = ..., parameters: _Optional[int] = ..., bytes: _Optional[int] = ..., recipe_digest: _Optional[str] = ..., study_id: _Optional[str] = ..., exporter: _Optional[str] = ..., recovered: bool = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., fault: _Optional[str] = ..., costs: _Optional[_Iterable[_Union[_common_pb2.Cost, _Mapping]]] = ..., metrics: _Optional[_Mapping[str, float]] = ..., measurement_fingerprint: _Optional[str] = ..., job_id: _Optional[str] = ...) -> None: ...

class DownloadOutputRequest(_message.Message):
    __slots__ = ("output", "file", "offset")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    output: str
    file: str
    offset: int
    def __init__(self, output: _Optional[str] = ..., file: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class DownloadOutputResponse(_message.Message):
    __slots__ = ("file", "offset", "chunk", "bytes", "digest")
    FILE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    file: str
    offset: int
    chunk: bytes
    bytes: int
    digest: str
    def __init__(self, file: _Optional[str] = ..., offset: _Optional[int] = ..., chunk: _Optional[bytes] = ..., bytes: _Optional[int] = ..., digest: _Optional[str] = ...) -> None: ...

class VerifyOutputRequest(_message.Message):
    __slots__ = ("output", "model", "text")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    output: str
    model: str
    text: _common_pb2.Text
    def __init__(self, output: _Optional[str] = ..., model: _Optional[str] = ..., text: _Optional[_Union[_common_pb2.Text, _Mapping]] = ...) -> None: ...

class VerifyOutputResponse(_message.Message):
    __slots__ = ("progress", "check")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    progress: _job_pb2.JobProgress
    check: OutputCheck
    def __init__(self, progress: _Optional[_Union[_job_pb2.JobProgress, _Mapping]] = ..., check: _Optional[_Union[OutputCheck, _Mapping]] = ...) -> None: ...

class OutputCheck(_message.Message):
    __slots__ = ("name", "outcome", "finding", "file", "folder", "logits", "weights", "unrounded")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    LOGITS_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    UNROUNDED_FIELD_NUMBER: _ClassVar[int]
    name: str
    outcome: CheckOutcome
    finding: str
    file: str
    folder: str
    logits: LogitDifference
    weights: WeightComparison
    unrounded: LogitDifference
    def __init__(self, name: _Optional[str] = ..., outcome: _Optional[_Union[CheckOutcome, str]] = ..., finding: _Optional[str] = ..., file: _Optional[str] = ..., folder: _Optional[str] = ..., logits: _Optional[_Union[LogitDifference, _Mapping]] = ..., weights: _Optional[_Union[WeightComparison, _Mapping]] = ..., unrounded: _Optional[_Union[LogitDifference, _Mapping]] = ...) -> None: ...

class WeightComparison(_message.Message):
    __slots__ = ("tensors", "values", "wrong")
    TENSORS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    WRONG_FIELD_NUMBER: _ClassVar[int]
    tensors: int
    values: int
    wrong: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, tensors: _Optional[int] = ..., values: _Optional[int] = ..., wrong: _Optional[_Iterable[str]] = ...) -> None: ...

class LogitDifference(_message.Message):
    __slots__ = ("tokens", "most", "share", "share_limit", "agreements")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    MOST_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    SHARE_LIMIT_FIELD_NUMBER: _ClassVar[int]
    AGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    most: float
    share: float
    share_limit: float
    agreements: int
    def __init__(self, tokens: _Optional[int] = ..., most: _Optional[float] = ..., share: _Optional[float] = ..., share_limit: _Optional[float] = ..., agreements: _Optional[int] = ...) -> None: ...

class UploadFileRequest(_message.Message):
    __slots__ = ("start", "chunk", "file")
    START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    start: UploadStart
    chunk: bytes
    file: UploadFolderFile
    def __init__(self, start: _Optional[_Union[UploadStart, _Mapping]] = ..., chunk: _Optional[bytes] = ..., file: _Optional[_Union[UploadFolderFile, _Mapping]] = ...) -> None: ...

class UploadFolderFile(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class UploadStart(_message.Message):
    __slots__ = ("name", "digest", "bytes", "folder")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    name: str
    digest: str
    bytes: int
    folder: bool
    def __init__(self, name: _Optional[str] = ..., digest: _Optional[str] = ..., bytes: _Optional[int] = ..., folder: bool = ...) -> None: ...

class UploadFileResponse(_message.Message):
    __slots__ = ("upload",)
    UPLOAD_FIELD_NUMBER: _ClassVar[int]
    upload: Upload
    def __init__(self, upload: _Optional[_Union[Upload, _Mapping]] = ...) -> None: ...

class Upload(_message.Message):
    __slots__ = ("path", "name", "digest", "bytes", "create_time", "in_use", "folder", "files", "expire_time")
    PATH_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    IN_USE_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    path: str
    name: str
    digest: str
    bytes: int
    create_time: _timestamp_pb2.Timestamp
    in_use: bool
    folder: bool
    files: int
    expire_time: _timestamp_pb2.Timestamp
    def __init__(self, path: _Optional[str] = ..., name: _Optional[str] = ..., digest: _Optional[str] = ..., bytes: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., in_use: bool = ..., folder: bool = ..., files: _Optional[int] = ..., expire_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListUploadsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListUploadsResponse(_message.Message):
    __slots__ = ("uploads", "next_page_token")
    UPLOADS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    uploads: _containers.RepeatedCompositeFieldContainer[Upload]
    next_page_token: str
    def __init__(self, uploads: _Optional[_Iterable[_Union[Upload, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteUploadRequest(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class DeleteUploadResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
