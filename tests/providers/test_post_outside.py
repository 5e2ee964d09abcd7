"""An address that somebody typed in leads to the public internet, or nowhere."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from smsadmin.phrases import translated
from smsadmin.providers import http

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:0001::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
]  # fmt: skip
PUBLIC = [
    "93.184.215.14",
    "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    "::ffff:93.184.215.14",
    "64:ff9b::5db8:d70e",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_known_in_every_spelling(address: str) -> None:
    assert not http.is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_known(address: str) -> None:
    assert http.is_public(address)


def post(url: str, **options: Any) -> http.Answer:
    return http.post_outside(url, b"{}", headers={}, read_timeout=0.5, **options)


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Makes every name resolve to these addresses; returns the list of names that were asked for."""

    def to(*addresses: str) -> list[str]:
        asked: list[str] = []

        def getaddrinfo(host: str, port: Any, **_: Any) -> list[Any]:
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in addresses]

        monkeypatch.setattr(http.socket, "getaddrinfo", getaddrinfo)
        return asked

    return to


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where connections were tried to, none of which comes about."""
    tried: list[Any] = []

    def connect(address: Any, *_: Any, **__: Any) -> Any:
        tried.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    return tried


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://[::1]/", "https://localhost/"])
def test_loopback_is_refused_in_every_spelling(url: str, connected: list[Any]) -> None:
    answer = post(url)

    assert (answer.broke, answer.exchange.failure, connected) == (http.NOT_SENT, http.PRIVATE, [])


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["93.184.215.14", "169.254.169.254"]])
def test_a_name_that_leads_to_a_private_address_is_refused(
    resolves: Callable[..., list[str]], connected: list[Any], addresses: list[str]
) -> None:
    resolves(*addresses)

    assert post("https://harmless.example/").exchange.failure == http.PRIVATE
    assert connected == []


def test_the_connection_goes_to_the_address_that_was_looked_at(
    resolves: Callable[..., list[str]], connected: list[Any]
) -> None:
    """A name that is asked for twice may answer differently."""
    asked = resolves("93.184.215.14")

    answer = post("https://hooks.example:8443/in")

    assert asked == ["hooks.example"]
    assert connected == [("93.184.215.14", 8443)]
    assert answer.exchange.failure == "the connection was refused or the host is unknown"


def test_without_tls_nothing_is_sent(resolves: Callable[..., list[str]], connected: list[Any]) -> None:
    resolves("93.184.215.14")

    assert post("http://hooks.example/").exchange.failure == http.UNSAFE
    assert connected == []


def test_a_name_that_is_unknown_is_said() -> None:
    answer = post("https://nowhere.invalid/")

    assert answer.exchange.failure == "the connection was refused or the host is unknown"


@pytest.fixture
def self_signed(tmp_path: Path) -> Iterator[str]:
    """A server whose certificate nobody vouches for."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    signed = made.sign(key, hashes.SHA256())
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + signed.public_bytes(Encoding.PEM)
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    with speaking(lambda caller: tls.wrap_socket(caller, server_side=True)) as port:
        yield f"https://127.0.0.1:{port}/"


@pytest.fixture
def without_tls() -> Iterator[str]:
    """A server that answers TLS with something else."""
    with speaking(lambda caller: caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        yield f"https://127.0.0.1:{port}/"


@contextmanager
def speaking(answer: Callable[[socket.socket], Any]) -> Iterator[int]:
    """A server for one caller, on the port that is given."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            caller, _ = server.accept()
            with caller, suppress(OSError):
                answer(caller)
                caller.recv(10_000)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)


def test_a_certificate_that_is_not_trusted_is_said(self_signed: str) -> None:
    answer = post(self_signed, private=True)

    assert answer.broke == http.NOT_SENT
    assert answer.exchange.failure == "no secure connection (TLS) came about: self-signed certificate"


def test_what_is_no_tls_is_said(without_tls: str) -> None:
    said = post(without_tls, private=True).exchange.failure

    assert said.startswith("no secure connection (TLS) came about: ")
    assert translated(said) == said


def test_the_exchange_names_the_host_alone() -> None:
    assert post("https://nowhere.invalid/secret?key=secret").exchange.url == "https://nowhere.invalid"


@pytest.fixture
def endless() -> Iterator[str]:
    """A server that answers without an end, as long as anybody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            caller, _ = server.accept()
            with caller:
                caller.recv(10_000)
                caller.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                try:
                    while True:
                        caller.sendall(b"x" * 1_000)
                        time.sleep(0.001)
                except OSError:
                    return

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(5)


def test_of_an_endless_answer_the_beginning_is_read(endless: str) -> None:
    answer = post(endless, private=True)

    assert answer.status == 200
    assert answer.exchange.answer == "x" * http.MOST_KEPT
