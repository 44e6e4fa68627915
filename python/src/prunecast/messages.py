"""The messages and enums of the API, as the protos define them, for `request=` and for what results leave out."""

from prunecast._proto.prunecast.v1.admin_pb2 import *
from prunecast._proto.prunecast.v1.catalog_pb2 import *
from prunecast._proto.prunecast.v1.common_pb2 import *
from prunecast._proto.prunecast.v1.file_pb2 import *
from prunecast._proto.prunecast.v1.job_pb2 import *
from prunecast._proto.prunecast.v1.model_pb2 import *
from prunecast._proto.prunecast.v1.pair_pb2 import *
from prunecast._proto.prunecast.v1.predictor_pb2 import *
from prunecast._proto.prunecast.v1.predictor_types_pb2 import *
from prunecast._proto.prunecast.v1.pruning_pb2 import *
from prunecast._proto.prunecast.v1.study_pb2 import *
from prunecast._proto.prunecast.v1.study_types_pb2 import *
