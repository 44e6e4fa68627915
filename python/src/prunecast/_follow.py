"""A job's events across lost connections and restarts of the server."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from prunecast import messages
from prunecast._deadline import Deadline
from prunecast._retry import delay_of_busy
from prunecast.errors import PrunecastError


@dataclass(frozen=True)
class Reattach:
    """When a lost stream of events is taken up again."""

    first_delay_seconds: float = 0.2
    """Wait before the first new try; each further wait is 1.6 times as long, and all vary by a fifth."""
    max_delay_seconds: float = 10.0
    """The longest wait."""
    give_up_after_seconds: float = 300.0
    """Give up when the server was lost so long ago."""
    give_up_start_after_seconds: float = 2.0
    """The same if nothing was ever heard of it, when a wrong address is likelier than a restart."""
    give_up_busy_after_seconds: float = 30.0
    """Give up when the server has been too busy for so long; waits are as long as it says."""
    silence_seconds: float = 45.0
    """A stream without an event or heartbeat for this long counts as lost; the server sends one every 15 s. Not on a
    socket of this machine, which breaks with the server."""


@dataclass
class Source:
    """Where the events of a job come from."""

    watch: Callable[[str, int], Any]
    """Opens a stream of the events after a number."""
    start: Callable[[], Any] | None = None
    """Opens the stream that starts the job, or attaches to it; called again only while no event has come."""
    job_id: str = ""
    """Known as soon as an event has named it."""
    after_sequence: int = 0
    """The last number that the caller has."""
    deadline: Deadline = field(default_factory=Deadline)


def follow_events(source: Source, policy: Reattach, *, breaks_with_server: bool) -> Iterator[messages.JobEvent]:
    """Events up to the terminal one, none missed, none repeated. After UNAVAILABLE, silence or an early end it watches
    again from the last number it has. Heartbeats are used, not yielded; progress of what comes before the job (opening
    the model, tokenizing) has no number and is yielded.

    Raises PrunecastError of the job after its terminal event, of a call that trying again cannot repair, or of the last
    try.
    """
    patience = Patience(policy, source.deadline)
    silence = None if breaks_with_server else policy.silence_seconds
    while True:
        lost = PrunecastError("the stream of events ended before the job did", code="UNAVAILABLE")
        end: messages.JobEnded | None = None
        fresh = True
        try:
            for response in until_silent(_open(source), silence):
                event = response.event
                source.job_id = event.job_id or source.job_id
                patience.heard()
                case = event.WhichOneof("payload")
                if case == "progress" and event.sequence == 0:
                    yield event
                if case == "heartbeat" or event.sequence <= source.after_sequence:
                    continue
                if event.sequence > source.after_sequence + 1:
                    raise PrunecastError(
                        f"events between {source.after_sequence} and {event.sequence} are missing",
                        code="DATA_LOSS" if fresh else "UNAVAILABLE",
                    )
                fresh = False
                source.after_sequence = event.sequence
                yield event
                if case == "ended":
                    end = event.ended
                    break
        except Silence as error:
            # A server that takes a call and then says nothing is there, and busy.
            patience.is_there()
            lost = error
        except PrunecastError as error:
            lost = error
        if end is not None:
            failure = _error_of_end(end)
            if failure is not None:
                raise failure
            return
        patience.wait_after(lost)


class Patience:
    """How long a lost server is waited for."""

    def __init__(self, policy: Reattach, deadline: Deadline) -> None:
        self._policy = policy
        self._deadline = deadline
        self._was_heard = False
        self._lost_at: float | None = None
        self._delay = policy.first_delay_seconds

    def heard(self) -> None:
        """The server sends again."""
        self._was_heard, self._lost_at, self._delay = True, None, self._policy.first_delay_seconds

    def is_there(self) -> None:
        """It is there, although it sends nothing."""
        self._was_heard = True

    def wait_after(self, lost: PrunecastError) -> None:
        """Waits before the next try; raises what was lost if another try is not worth it, or it was lost for long."""
        busy = delay_of_busy(lost)
        if busy is None and not _is_worth_another_try(lost):
            raise lost
        policy = self._policy
        self._was_heard = self._was_heard or busy is not None
        patience = policy.give_up_after_seconds if self._was_heard else policy.give_up_start_after_seconds
        patience = patience if busy is None else policy.give_up_busy_after_seconds
        delay = self._delay * random.uniform(0.8, 1.2) if busy is None else busy
        self._lost_at = time.monotonic() if self._lost_at is None else self._lost_at
        if time.monotonic() + delay - self._lost_at > patience or not self._deadline.allows(delay):
            raise lost
        time.sleep(delay)
        if busy is None:
            self._delay = min(self._delay * 1.6, policy.max_delay_seconds)


class Silence(PrunecastError):
    """Nothing came for too long: the connection may be gone without a word."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__(f"nothing was heard of the server for {seconds} s", code="UNAVAILABLE")


def _open(source: Source) -> Any:
    """A stream of events."""
    call = source.start() if source.start is not None and source.job_id == "" else None
    return source.watch(source.job_id, source.after_sequence) if call is None else call


def until_silent(call: Any, silence: float | None) -> Iterator[Any]:
    """The responses of one stream. Raises Silence, whose clock runs only while a response is awaited."""
    fell_silent = threading.Event()

    def give_up() -> None:
        fell_silent.set()
        call.cancel()

    try:
        while True:
            timer = None if silence is None else threading.Timer(silence, give_up)
            if timer is not None:
                timer.daemon = True
                timer.start()
            try:
                response = next(call)
            finally:
                if timer is not None:
                    timer.cancel()
            yield response
    except StopIteration:
        return
    except PrunecastError as error:
        if fell_silent.is_set():
            raise Silence(silence) from error
        raise
    finally:
        call.cancel()


def _error_of_end(end: messages.JobEnded) -> PrunecastError | None:
    if end.state == messages.JOB_STATE_SUCCEEDED:
        return None
    if end.HasField("error"):
        return PrunecastError.of_status(end.error)
    if end.state == messages.JOB_STATE_CANCELLED:
        return PrunecastError("the job was cancelled", code="CANCELLED", reason="CANCELLED")
    return PrunecastError("the job failed and the server gave no reason", code="UNKNOWN")


def _is_worth_another_try(error: PrunecastError) -> bool:
    # UNAVAILABLE: the server restarts, or the connection broke. The others, where no server gave a reason, are the
    # names of a stream that was reset: CANCELLED by a server that shut down by force, INTERNAL by one that broke off.
    return error.code == "UNAVAILABLE" or (error.reason == "" and error.code in ("CANCELLED", "INTERNAL", "UNKNOWN"))
