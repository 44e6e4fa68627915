"""The descriptors of this package, apart from those of the process."""

from google.protobuf import any_pb2, duration_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

pool = DescriptorPool()
for module in (any_pb2, duration_pb2, struct_pb2, timestamp_pb2):
    pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    for name in module.DESCRIPTOR.message_types_by_name:
        GetMessageClass(pool.FindMessageTypeByName(f"google.protobuf.{name}"))
