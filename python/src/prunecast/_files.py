"""Files as the streams of uploads and downloads."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from prunecast._deadline import Deadline
from prunecast._follow import Patience, Reattach, Silence, until_silent
from prunecast.errors import PrunecastError
from prunecast.results import Downloaded

CHUNK_BYTES = 1024 * 1024
MAX_FOLDER_FILES = 4096
MANIFEST_FILE = "prunecast.json"
READ_BYTES_PER_SECOND = 20_000_000
"""The server reads what the caller has too, for the digest: at least as fast as this."""

OnBytes = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""


def read_upload(path: Path, on_bytes: OnBytes) -> Iterator[dict[str, Any]]:
    """The fields of the messages of an upload: what is going to come, then a file's bytes, or each file of a folder
    with its bytes.

    Raises ValueError for a folder that cannot be sent: without files, with links, or with too many files.
    """
    folder = path.is_dir()
    files = _list_folder(path) if folder else {path.name: path}
    digests = {name: _digest(file) for name, file in files.items()}
    listed = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
    digest = hashlib.sha256(listed.encode()).hexdigest() if folder else digests[path.name]
    total = sum(file.stat().st_size for file in files.values())
    yield {"start": {"name": path.absolute().name, "digest": digest, "bytes": total, "folder": folder}}
    done = 0
    for name, place in files.items():
        if folder:
            yield {"file": {"path": name}}
        with place.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield {"chunk": chunk}
                done += len(chunk)
                on_bytes(done, total)


@dataclass(frozen=True)
class DownloadSource:
    """What a download is asked of."""

    open: Callable[[str, int], Any]
    """The call that streams a file from an offset on."""
    policy: Reattach
    breaks_with_server: bool
    deadline: Deadline


def download(source: DownloadSource, folder: Path, on_bytes: OnBytes) -> Downloaded:
    """Brings an output into a folder that does not exist yet: whole, with the digests of the server, or not at all.

    Lost connections are taken up again where they broke. What a download that fails has brought stays in
    `.<folder>.prunecast-partial` beside the folder, and the next one into the same folder goes on with it.

    Raises FileExistsError if the folder is there; PrunecastError of the server, DATA_LOSS if a file came with other
    bytes, ABORTED if the output was written anew meanwhile.
    """
    folder = folder.absolute()
    if folder.exists():
        raise FileExistsError(f"{folder} exists: name another folder")
    partial = folder.with_name(f".{folder.name}.prunecast-partial")
    patience = Patience(source.policy, source.deadline)

    def receive(name: str, on_done: Callable[[int], None]) -> _Received:
        return _receive(source, partial, name, patience, on_done)

    try:
        # Of the manifest nothing is kept: another output may have the name by now.
        partial.mkdir(parents=True, exist_ok=True)
        (partial / MANIFEST_FILE).unlink(missing_ok=True)
        manifest = receive(MANIFEST_FILE, lambda done: None)
        named: dict[str, int] = json.loads((partial / MANIFEST_FILE).read_bytes()).get("files", {})
        sizes = {name: named[name] for name in sorted(named) if name != MANIFEST_FILE}
        _remove_others(partial, {MANIFEST_FILE, *(str(_within(name)) for name in sizes)})
        total = manifest.bytes + sum(sizes.values())
        done, kept = manifest.bytes, 0
        for name in sizes:
            before = done
            got = receive(name, lambda have, before=before: on_bytes(before + have, total))  # type: ignore[misc]
            done, kept = done + got.bytes, kept + got.kept
        (partial / MANIFEST_FILE).unlink()
        if receive(MANIFEST_FILE, lambda done: None).digest != manifest.digest:
            raise PrunecastError("the output was written anew meanwhile: download it again", code="ABORTED")
        if folder.exists():
            raise FileExistsError(f"{folder} exists: name another folder")
        partial.rename(folder)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            if {each.name for each in partial.iterdir()} <= {MANIFEST_FILE}:
                shutil.rmtree(partial, ignore_errors=True)
        raise
    return Downloaded(folder=folder, files=len(sizes) + 1, bytes=done, kept_bytes=kept)


@dataclass(frozen=True)
class _Received:
    bytes: int
    kept: int
    digest: str


def _receive(
    source: DownloadSource, folder: Path, name: str, patience: Patience, on_done: Callable[[int], None]
) -> _Received:
    """Brings one file: what its place has already is kept if the server's file begins with it."""
    place = folder / _within(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    had = place.stat().st_size if place.exists() else 0
    for kept in [had, 0] if had > 0 else [0]:
        received = _receive_rest(source, place, name, kept, patience, on_done)
        if received is not None:
            return received
    raise PrunecastError(f"{name} did not come as the server has it: download the output again", code="DATA_LOSS")


def _receive_rest(
    source: DownloadSource, place: Path, name: str, had: int, patience: Patience, on_done: Callable[[int], None]
) -> _Received | None:
    """Brings a file after its first bytes. None, without the file, if it is not the server's file then."""
    digest = hashlib.sha256()
    with place.open("r+b" if had > 0 else "wb") as file:
        while file.tell() < had and (chunk := file.read(min(CHUNK_BYTES, had - file.tell()))):
            digest.update(chunk)
        position = had
        while True:
            lost = PrunecastError(f"the stream of {name} ended before the file did", code="UNAVAILABLE")
            silence = None
            if not source.breaks_with_server:
                silence = source.policy.silence_seconds + position / READ_BYTES_PER_SECOND
            try:
                for part in until_silent(source.open(name, position), silence):
                    patience.heard()
                    if part.offset != position:
                        raise PrunecastError(f"{name} came from byte {part.offset} on", code="DATA_LOSS")
                    digest.update(part.chunk)
                    file.write(part.chunk)
                    position += len(part.chunk)
                    on_done(position)
                    if part.digest == digest.hexdigest():
                        file.flush()
                        os.fsync(file.fileno())
                        return _Received(position, had, part.digest)
                    if part.digest != "":
                        place.unlink()
                        return None
            except Silence as error:
                lost = error
            except PrunecastError as error:
                lost = error
                # The server's file is shorter than what is here.
                if had > 0 and any(each.field == "offset" for each in lost.violations):
                    place.unlink()
                    return None
            patience.wait_after(lost)


def _list_folder(folder: Path) -> dict[str, Path]:
    """The files in all folders of a folder that are not hidden, in the order of the bytes of their paths."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts) or (path.is_dir() and not path.is_symlink()):
            continue
        if path.is_symlink() or not path.is_file():
            raise ValueError(f"{path} is a link or no file: put what it leads to in its place")
        found[name.as_posix()] = path
    if not 0 < len(found) <= MAX_FOLDER_FILES:
        raise ValueError(
            f"{folder} has {len(found)} files that are not hidden: from 1 to {MAX_FOLDER_FILES} can be sent"
        )
    return dict(sorted(found.items(), key=lambda each: each[0].encode()))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _remove_others(folder: Path, wanted: set[str]) -> None:
    """Removes what another output of the same name has left."""
    for path in list(folder.rglob("*")):
        if not path.is_dir() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()


def _within(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise PrunecastError(f"the server names a file outside of the output: {name}", code="DATA_LOSS")
    return path
