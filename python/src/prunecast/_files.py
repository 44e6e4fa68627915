"""Files as the streams of uploads and downloads."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from prunecast import messages
from prunecast.errors import PrunecastError

CHUNK_BYTES = 1024 * 1024


def read_file(path: Path) -> Iterator[dict[str, Any]]:
    """The fields of the messages of an upload: what is going to come, then its bytes."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
        yield {"start": {"name": path.name, "digest": digest.hexdigest(), "bytes": file.tell()}}
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            yield {"chunk": chunk}


def write_files(parts: Iterable[messages.DownloadOutputResponse], folder: Path) -> None:
    """Writes the files of a download beside the folder, checks their digests, and gives it its name at the end.

    Raises FileExistsError if it is there already, and PrunecastError DATA_LOSS if a file came with other bytes.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} exists")
    folder.parent.mkdir(parents=True, exist_ok=True)
    growing = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        digest = hashlib.sha256()
        for part in parts:
            if part.offset == 0:
                digest = hashlib.sha256()
            digest.update(part.chunk)
            path = growing / _within(part.file)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb" if part.offset == 0 else "ab") as file:
                file.write(part.chunk)
            if part.digest not in ("", digest.hexdigest()):
                raise PrunecastError(f"{part.file} did not come as the server has it", code="DATA_LOSS")
        growing.chmod(0o755)
        growing.rename(folder)
    except BaseException:
        shutil.rmtree(growing, ignore_errors=True)
        raise


def _within(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise PrunecastError(f"the server names a file outside of the output: {name}", code="DATA_LOSS")
    return path
