"""How far a job is, on standard error."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from prunecast import messages

LINE_SECONDS = 5.0
FIRST_SECONDS = 2.0
"""A shorter transfer shows nothing."""


class Progress(Protocol):
    """Shows events as they come."""

    def show(self, event: messages.JobEvent) -> None: ...

    def close(self) -> None: ...


def open_progress(wanted: bool | None) -> Progress:
    """A tqdm bar, or a line every few seconds where tqdm is absent. None: only where somebody looks on, at a terminal
    or in a notebook."""
    if not (_is_watched() if wanted is None else wanted):
        return Nothing()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return Lines()
    return Bar(tqdm)


class Transfer:
    """How far a transfer of bytes is, from two seconds after its start: a tqdm bar, or lines where tqdm is absent."""

    def __init__(self, wanted: bool | None, activity: str) -> None:
        self._shows = _is_watched() if wanted is None else wanted
        self._activity = activity
        self._next = time.monotonic() + FIRST_SECONDS
        self._bar: Any = None

    def show(self, done: int, total: int) -> None:
        if not self._shows or (self._bar is None and time.monotonic() < self._next):
            return
        try:
            from tqdm.auto import tqdm
        except ImportError:
            self._next = time.monotonic() + LINE_SECONDS
            print(f"{self._activity}, {done:,}/{total:,} bytes", file=sys.stderr, flush=True)
            return
        if self._bar is None:
            self._bar = tqdm(desc=self._activity, total=total, initial=done, unit="B", unit_scale=True)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class Nothing:
    """Shows nothing."""

    def show(self, event: messages.JobEvent) -> None:
        pass

    def close(self) -> None:
        pass


class Bar:
    """One bar for the whole job; it says what is done now."""

    def __init__(self, tqdm: Any) -> None:
        self._bar = tqdm(total=100, unit="%", bar_format="{desc}: {percentage:3.0f} %|{bar}| {elapsed} {postfix}")

    def show(self, event: messages.JobEvent) -> None:
        if event.HasField("queued"):
            self._bar.set_description_str(f"waiting, place {event.queued.place}")
        elif event.HasField("ended"):
            succeeded = event.ended.state == messages.JOB_STATE_SUCCEEDED
            self._bar.set_description_str("done" if succeeded else "ended without a result")
            self._bar.set_postfix_str("", refresh=False)
            self._move(100.0 if succeeded else self._bar.n)
        elif event.HasField("progress"):
            share = _share(event.progress)
            self._bar.set_description_str(event.progress.activity, refresh=False)
            self._bar.set_postfix_str(_count(event.progress), refresh=False)
            self._move(self._bar.n if share is None else 100 * share)

    def _move(self, percent: float) -> None:
        self._bar.n = percent
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()


class Lines:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._next = 0.0

    def show(self, event: messages.JobEvent) -> None:
        if not event.HasField("progress") or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + LINE_SECONDS
        share = _share(event.progress)
        parts = [event.progress.activity, _count(event.progress), "" if share is None else f"{100 * share:.0f} % done"]
        print(", ".join(part for part in parts if part), file=sys.stderr, flush=True)

    def close(self) -> None:
        pass


def _count(progress: messages.JobProgress) -> str:
    if progress.total == 0:
        return ""
    return f"{progress.done:,}/{progress.total:,} {progress.unit}"


def _share(progress: messages.JobProgress) -> float | None:
    return progress.overall if progress.HasField("overall") else None


def _is_watched() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules
