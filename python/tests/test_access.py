from __future__ import annotations

import hashlib
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from conftest import serve, start

import prunecast
from prunecast._access import Access

TOKENS = {"viewer": ("look-only", "read"), "operator": ("rule-all", "admin")}
Options = dict[str, Any]


def make_certificate(folder: Path, name: str, authority: str | None = None, days: int = 2) -> None:
    """`<name>.pem` and `<name>.key`, signed by an authority in the same folder, or by itself."""
    files = ["-keyout", f"{name}.key", "-subj", f"/CN={name}"]
    new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *files]
    if authority is None:
        run(folder, [*new, "-x509", "-days", str(days), "-out", f"{name}.pem"])
        return
    run(folder, [*new, "-out", "request.pem"])
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signed = ["-CA", f"{authority}.pem", "-CAkey", f"{authority}.key", "-CAcreateserial", "-extfile", "names"]
    sign = ["openssl", "x509", "-req", "-in", "request.pem", *signed, "-days", str(days)]
    run(folder, [*sign, "-out", f"{name}.pem"])


def run(folder: Path, command: list[str]) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make certificates")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates and tokens."""
    made = tmp_path_factory.mktemp("keys")
    for authority in ("authority", "stranger"):
        make_certificate(made, authority)
    for name in ("server", "worker"):
        make_certificate(made, name, "authority")
    make_certificate(made, "unknown", "stranger")
    make_certificate(made, "late", "authority", days=-1)
    entries = [
        {"name": name, "scopes": [scope], "sha256": hashlib.sha256(token.encode()).hexdigest()}
        for name, (token, scope) in TOKENS.items()
    ]
    (made / "tokens.json").write_text(json.dumps({"tokens": entries}))
    return made


@pytest.fixture(scope="module")
def guarded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[prunecast.Server]:
    """A server that asks for a certificate and a token."""
    files = {
        "--tls-certificate": "server.pem",
        "--tls-key": "server.key",
        "--tls-client-authorities": "authority.pem",
        "--tokens-file": "tokens.json",
    }
    arguments = [part for flag, name in files.items() for part in (flag, str(folder / name))]
    with start(tmp_path_factory.mktemp("guarded"), listen="127.0.0.1:0", arguments=arguments) as server:
        yield server


def allowed(folder: Path, **changes: Any) -> Options:
    """What the server asks for, with changes; None leaves something out."""
    options = {
        "authorities": folder / "authority.pem",
        "certificate": folder / "worker.pem",
        "key": folder / "worker.key",
        "token": TOKENS["operator"][0],
        **changes,
    }
    return {name: value for name, value in options.items() if value is not None}


def failure(server: prunecast.Server, options: Options) -> prunecast.PrunecastError:
    with server.client(**options, retry=prunecast.Retry(max_attempts=1)) as client:
        with pytest.raises(prunecast.PrunecastError) as caught:
            client.server_info()
        return caught.value


def test_a_job_runs_by_mutual_tls_with_a_token(guarded: prunecast.Server, folder: Path) -> None:
    recipe = {"criterion": "magnitude", "compensation": "none"}
    with guarded.client(**allowed(folder)) as client:
        written = client.prune("stories260k", "smaller", uniform_rate=0.25, recipe=recipe, progress=False)
        assert written.output == "smaller"
        assert next(client.jobs()).state == "succeeded"
    pem = {name: (folder / file).read_bytes() for name, file in [("certificate", "worker.pem"), ("key", "worker.key")]}
    with guarded.client(**allowed(folder, **pem, server_name="localhost")) as client:
        assert client.inspect("stories260k").family == "llama"


def test_a_token_is_read_again_for_each_call(guarded: prunecast.Server, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKENS['viewer'][0]}\n")
    with guarded.client(**allowed(folder, token=None, token_file=file)) as client:
        client.server_info()
        with pytest.raises(prunecast.PrunecastError, match="SCOPE_MISSING.*needs the scope admin") as caught:
            client.delete_job("a-job")
        assert caught.value.code == "PERMISSION_DENIED"
        assert caught.value.metadata["scope"] == "admin"
        file.write_text(TOKENS["operator"][0])
        with pytest.raises(prunecast.PrunecastError, match="JOB_NOT_FOUND"):
            client.delete_job("a-job")
        file.unlink()
        with pytest.raises(prunecast.PrunecastError, match="the token file .* cannot be read"):
            client.server_info()


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"token": None}, "UNAUTHENTICATED", "the call has no token"),
        ({"token": "never-heard-of"}, "UNAUTHENTICATED", "the server does not know this token"),
        (
            {"authorities": "stranger.pem"},
            "UNAVAILABLE",
            "an authority that this client does not trust: give that authority",
        ),
        ({"authorities": None, "tls": True}, "UNAVAILABLE", "an authority that this client does not trust"),
        ({"server_name": "elsewhere"}, "UNAVAILABLE", "for another name: .*server_name="),
        ({"certificate": None, "key": None}, "UNAVAILABLE", "give certificate= and key="),
        ({"certificate": "unknown.pem", "key": "unknown.key"}, "UNAVAILABLE", "certificate= has to come from"),
        (
            {"certificate": "late.pem", "key": "late.key"},
            "UNAVAILABLE",
            "certificate= has to .* and be valid",
        ),
        ({"key": "late.key"}, "UNAVAILABLE", "the key is not that of the certificate"),
        ({"authorities": None, "certificate": None, "key": None}, "UNAVAILABLE", "if it speaks TLS, give tls=True"),
    ],
    ids=str,
)
def test_is_told_why_it_is_not_let_in(
    guarded: prunecast.Server, folder: Path, changes: Options, code: str, said: str
) -> None:
    placed = {name: folder / value if "." in str(value) else value for name, value in changes.items()}
    error = failure(guarded, allowed(folder, **placed))
    assert error.code == code
    assert error.reason == ("UNAUTHENTICATED" if code == "UNAUTHENTICATED" else "")
    assert re.search(said, error.message), error.message


def test_is_told_of_a_server_without_tls(folder: Path) -> None:
    server, address = serve(grpc.unary_unary_rpc_method_handler(lambda request, context: b""))
    once = prunecast.Retry(max_attempts=1)
    with (
        prunecast.Client(address, authorities=folder / "authority.pem", retry=once) as client,
        pytest.raises(prunecast.PrunecastError, match="does not speak TLS: check the address"),
    ):
        client.server_info()
    server.stop(None)


def test_refuses_a_server_whose_certificate_has_expired(guarded: prunecast.Server, folder: Path) -> None:
    """The server takes another certificate when its files change."""
    current = {name: (folder / name).read_bytes() for name in ("server.pem", "server.key")}
    try:
        for kind in ("pem", "key"):
            (folder / f"server.{kind}").write_bytes((folder / f"late.{kind}").read_bytes())
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            with guarded.client(**allowed(folder), retry=prunecast.Retry(max_attempts=1)) as client:
                try:
                    client.server_info()
                except prunecast.PrunecastError as error:
                    assert error.code == "UNAVAILABLE"
                    assert "has a certificate that has expired: ask its operator to renew it" in error.message
                    return
            time.sleep(0.2)
        pytest.fail("the server still shows the certificate of before")
    finally:
        for name, contents in current.items():
            (folder / name).write_bytes(contents)


@pytest.mark.parametrize(
    ("address", "options", "said"),
    [
        ("https://host:50051", {"tls": True}, r"'https://host:50051' is no host:port or unix:/path"),
        ("host:1", {"token": "secret"}, r"a token would go to host:1 unencrypted: use TLS"),
        ("127.0.0.1.example.com:1", {"token_file": "t"}, r"unencrypted"),
        ("host:1", {"token": "a", "token_file": "t", "tls": True}, r"give token or token_file, not both"),
        ("host:1", {"token": "two words", "tls": True}, r"the token has to be one word .* it has 9 characters"),
        ("host:1", {"certificate": b"-----BEGIN "}, r"certificate and key go together"),
        ("host:1", {"tls": False, "authorities": b"-----BEGIN "}, r"leave out tls=False"),
        ("host:1", {"authorities": b"nothing"}, r"authorities is no PEM"),
        ("unix:/s", {"tls": True}, r"unix:/s is a unix socket, which is never encrypted"),
    ],
    ids=str,
)
def test_refuses_what_does_not_go_together(address: str, options: Options, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        prunecast.Client(address, **options)


def test_takes_a_token_without_tls_on_this_machine_and_where_the_caller_says_so() -> None:
    for address in ("127.0.0.1:1", "localhost:1", "[::1]:1", "dns:localhost:1", "unix:/run/s"):
        prunecast.Client(address, token="secret").close()
    prunecast.Client("host:1", token="secret", insecure=True).close()


def test_shows_no_secret_where_it_is_printed() -> None:
    access = Access("localhost:1", certificate=b"shown", key=b"secret-key", token="secret-token")
    assert "shown" in repr(access)
    assert "secret" not in repr(access)
