"""What a call or a job fails with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import grpc

from prunecast._proto.google.rpc import error_details_pb2, status_pb2


@dataclass(frozen=True)
class FieldViolation:
    """A field at fault."""

    field: str
    """Its path in the request: `budgets[0].removed_share`."""
    description: str


@dataclass(frozen=True)
class QuotaViolation:
    """A limit that a call went beyond."""

    subject: str
    """Whose limit it is."""
    description: str
    """What the limit is, and what to do."""


class PrunecastError(Exception):
    """What a call or a job failed with, as the server tells it."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        quotas: Sequence[QuotaViolation] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{reason or code}: {message}")
        self.message = message
        self.code = code
        """A gRPC code by name: `NOT_FOUND`, `UNAVAILABLE`."""
        self.reason = reason
        """A key of the table of reasons (`MODEL_NOT_FOUND`); empty if no Prunecast server answered."""
        self.metadata: dict[str, str] = dict(metadata or {})
        """Facts that a program can act on."""
        self.violations: tuple[FieldViolation, ...] = tuple(violations)
        self.quotas: tuple[QuotaViolation, ...] = tuple(quotas)
        """The limits that were gone beyond."""
        self.retry_after_seconds = retry_after_seconds
        """How long to wait before another try; None if the server did not say."""

    @classmethod
    def of_call(cls, error: grpc.RpcError) -> PrunecastError:
        """What a call threw, with its `grpc-status-details-bin`."""
        if not isinstance(error, grpc.Call):
            return cls(str(error), code="UNKNOWN")
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        status = status_pb2.Status.FromString(details if isinstance(details, bytes) else b"")
        return cls._with_details(error.details() or "", error.code().name, status)

    @classmethod
    def of_status(cls, status: status_pb2.Status) -> PrunecastError:
        """The error of a job, as its terminal event carries it."""
        return cls._with_details(status.message, _name_code(status.code), status)

    @classmethod
    def _with_details(cls, message: str, code: str, status: status_pb2.Status) -> PrunecastError:
        facts = error_details_pb2.ErrorInfo()
        request = error_details_pb2.BadRequest()
        quota = error_details_pb2.QuotaFailure()
        retry = error_details_pb2.RetryInfo()
        has_retry = False
        for detail in status.details:
            detail.Unpack(facts)
            detail.Unpack(request)
            detail.Unpack(quota)
            has_retry = detail.Unpack(retry) or has_retry
        return cls(
            message,
            code=code,
            reason=facts.reason,
            metadata=facts.metadata,
            violations=[FieldViolation(each.field, each.description) for each in request.field_violations],
            quotas=[QuotaViolation(each.subject, each.description) for each in quota.violations],
            retry_after_seconds=retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9 if has_retry else None,
        )


def _name_code(code: int) -> str:
    return next((each.name for each in grpc.StatusCode if each.value[0] == code), "UNKNOWN")
