"""Where a server is, and what it is shown."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from prunecast.errors import PrunecastError

Pem = str | os.PathLike[str] | bytes
"""The path of a PEM file, or its bytes."""

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MOST_TOKEN_BYTES = 8192
OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A local server is back in a second; the default doubles to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Servers in one process, one after the other on the same socket, are not to share a connection.
    ("grpc.use_local_subchannel_pool", 1),
    # What may be made twice is known here alone.
    ("grpc.enable_retries", 0),
]


@dataclass(frozen=True)
class Access:
    """Of one client. Raises ValueError for what does not go together, and for a token that would go over a network
    unencrypted."""

    address: str
    tls: bool | None = None
    authorities: Pem | None = None
    certificate: Pem | None = None
    key: Pem | None = field(default=None, repr=False)
    server_name: str | None = None
    token: str | None = field(default=None, repr=False)
    token_file: str | os.PathLike[str] | None = None
    insecure: bool = False

    def __post_init__(self) -> None:
        if self.address == "" or "://" in self.address:
            raise ValueError(
                f"the address {self.address!r} is no host:port or unix:/path/of.sock; tls=True or authorities= ask "
                "for TLS"
            )
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both or none")
        if self.is_encrypted and self.tls is False:
            raise ValueError("authorities, certificate, key and server_name are for TLS: leave out tls=False")
        if self.is_encrypted and re.match(r"unix(-abstract)?:", self.address):
            raise ValueError(f"{self.address} is a unix socket, which is never encrypted: leave out what asks for TLS")
        if self.token is not None and self.token_file is not None:
            raise ValueError("give token or token_file, not both")
        if self.token is not None:
            _require_token(self.token, "the token")
        has_token = self.token is not None or self.token_file is not None
        if has_token and not (self.is_encrypted or self.insecure or is_of_this_machine(self.address)):
            raise ValueError(
                f"a token would go to {self.address} unencrypted: use TLS (tls=True or authorities=), or say "
                "insecure=True if the network between is yours alone"
            )

    @property
    def is_encrypted(self) -> bool:
        return bool(self.tls) or any(
            each is not None for each in (self.authorities, self.certificate, self.server_name)
        )

    def open_channel(self) -> grpc.Channel:
        """Connects with the first call."""
        if not self.is_encrypted:
            return grpc.insecure_channel(self.address, OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            _read_pem("authorities", self.authorities),
            _read_pem("key", self.key),
            _read_pem("certificate", self.certificate),
        )
        name = self.server_name
        named = [] if name is None else [("grpc.ssl_target_name_override", name), ("grpc.default_authority", name)]
        return grpc.secure_channel(self.address, credentials, [*OPTIONS, *named])

    def read_metadata(self) -> list[tuple[str, str]]:
        """What goes with a call that is made now: the file of the token is read again, so that it may change."""
        token = self.token
        if self.token_file is not None:
            path = os.fspath(self.token_file)
            try:
                token = Path(path).read_text().strip()
            except OSError as error:
                raise PrunecastError(
                    f"the token file {path} cannot be read ({error.strerror})", code="UNAUTHENTICATED"
                ) from error
            _require_token(token, f"the token file {path}")
        return [] if token is None else [("authorization", f"Bearer {token}")]

    def explain(self, error: PrunecastError) -> PrunecastError:
        """Why nothing came of a connection to a server that is there, where the words of gRPC do not tell what to do.
        Any other error as it is."""
        if error.code != "UNAVAILABLE" or not error.message.startswith("failed to connect"):
            return error
        for said, advice in _ADVICE:
            if re.search(said, error.message):
                return PrunecastError(f"the server at {self.address} {advice}", code="UNAVAILABLE")
        if re.search("Socket closed|Unwrap failed|Connection reset", error.message):
            what = "took the connection and ended it"
            return PrunecastError(
                f"the server at {self.address} {what}: {self._guess()}; else try again", code="UNAVAILABLE"
            )
        return error

    def _guess(self) -> str:
        if not self.is_encrypted:
            return "if it speaks TLS, give tls=True or authorities="
        if self.certificate is None:
            return "if it wants a certificate of this client, give certificate= and key="
        return "if it checks certificates, certificate= has to come from an authority that it trusts and be valid"


_ADVICE = (
    ("certificate has expired", "has a certificate that has expired: ask its operator to renew it"),
    ("certificate is not yet valid", "has a certificate that is not valid yet: check the clock of this machine"),
    (
        "CERTIFICATE_VERIFY_FAILED|certificate signature failure",
        "has a certificate of an authority that this client does not trust: give that authority as authorities=",
    ),
    (
        "Hostname Verification Check failed|Peer name",
        "has a certificate for another name: call it by a name in it, or give that as server_name=",
    ),
    ("WRONG_VERSION_NUMBER|HTTP_REQUEST", "does not speak TLS: check the address, or leave out what asks for TLS"),
    (
        "Failed to create security handshaker",
        "cannot be called: authorities=, certificate= or key= is no PEM, or the key is not that of the certificate",
    ),
)


def is_of_this_machine(address: str) -> bool:
    """Whether what goes to an address stays on this machine."""
    target = re.sub(r"^(?:dns:(?://[^/]*/)?|ipv4:|ipv6:)", "", address)
    return bool(
        re.match(r"unix(?:-abstract)?:", target)
        or re.fullmatch(r"(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|::1)(?::\d+)?", target)
    )


def _require_token(token: str, name: str) -> None:
    """A token is one word of visible ASCII (RFC 6750, RFC 9110)."""
    if len(token) > MOST_TOKEN_BYTES or re.fullmatch(r"[\x21-\x7e]+", token) is None:
        raise ValueError(
            f"{name} has to be one word of at most {MOST_TOKEN_BYTES} letters, digits and signs of ASCII: it has "
            f"{len(token)} characters"
        )


def _read_pem(name: str, value: Pem | None) -> bytes | None:
    if value is None:
        return None
    pem = value if isinstance(value, bytes) else Path(value).read_bytes()
    if b"-----BEGIN " not in pem:
        raise ValueError(f"{name} is no PEM: {value if not isinstance(value, bytes) else 'its bytes have none'}")
    return pem
