"""When a call has to have ended."""

from __future__ import annotations

import time


class Deadline:
    """A point in time for all tries and waits of a call together; without seconds there is none."""

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds until then, 0 after it; None if there is no deadline."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)

    def allows(self, seconds: float) -> bool:
        """Whether a wait would end before it."""
        left = self.left()
        return left is None or seconds < left
