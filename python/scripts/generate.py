"""Writes src/prunecast/_proto from the protos: `python scripts/generate.py [FOLDER]`.

The modules import each other inside the package, and register in a descriptor pool of its own, so that they never clash
with modules that somebody else generated from the same protos. protoc is that of grpcio-tools 1.62 (protobuf 4.25):
what it writes runs with this and all later versions of protobuf. The service config, which says what may be called
twice, is beside them.
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc_tools
from grpc_tools import protoc

PACKAGE = Path(__file__).resolve().parent.parent
PROTOS = PACKAGE.parent / "proto"
TARGET = PACKAGE / "src/prunecast/_proto"
PINNED = "1.62."
SOURCES = ("prunecast/**/*.proto", "google/rpc/*.proto", "grpc/health/v1/*.proto")

POOL = '''"""The descriptors of this package, apart from those of the process."""

from google.protobuf import any_pb2, duration_pb2, struct_pb2, timestamp_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

pool = DescriptorPool()
for module in (any_pb2, duration_pb2, struct_pb2, timestamp_pb2):
    pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    for name in module.DESCRIPTOR.message_types_by_name:
        GetMessageClass(pool.FindMessageTypeByName(f"google.protobuf.{name}"))
'''


def generate(target: Path) -> None:
    """Replaces the folder by freshly generated modules."""
    if not version("grpcio-tools").startswith(PINNED):
        raise SystemExit(f"needs grpcio-tools {PINNED}*, found {version('grpcio-tools')}")
    names = sorted(str(path.relative_to(PROTOS)) for glob in SOURCES for path in PROTOS.glob(glob))
    with TemporaryDirectory() as folder:
        code = protoc.main(
            [
                "protoc",
                f"-I{PROTOS}",
                f"-I{Path(grpc_tools.__path__[0]) / '_proto'}",
                f"--python_out={folder}",
                f"--pyi_out={folder}",
                *names,
            ]
        )
        if code != 0:
            raise SystemExit(code)
        shutil.rmtree(target, ignore_errors=True)
        for path in sorted(Path(folder).rglob("*.py*")):
            written = target / path.relative_to(folder)
            written.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(_make_private(path.read_text()))
    for folder_of_package in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        (folder_of_package / "__init__.py").write_text("")
    (target / "pool.py").write_text(POOL)
    shutil.copy(PROTOS / "prunecast/v1/service_config.json", target)


def _make_private(source: str) -> str:
    source = re.sub(r"^from (prunecast|google\.rpc|grpc)\b", r"from prunecast._proto.\1", source, flags=re.MULTILINE)
    source = source.replace(
        "from google.protobuf import descriptor_pool as _descriptor_pool",
        "from prunecast._proto.pool import pool as _pool",
    )
    source = source.replace("_descriptor_pool.Default()", "_pool")
    return re.sub(r"(BuildTopDescriptorsAndMessages\(DESCRIPTOR, ')", r"\1prunecast._proto.", source)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
