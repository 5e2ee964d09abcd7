"""An address that somebody typed in leads to the public internet, or nowhere."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag
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
    "fec0::1", "64:ff9b:1::7f00:1", "::7f00:1", "::ffff:0:7f00:1", "5f00::1",
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


# --- In time, whatever the other side does


def dripped(beginning: bytes) -> Callable[[socket.socket], None]:
    """An answer that begins so, and then goes on by a byte every 20 ms: for 2 s, while anybody listens."""

    def answer(caller: socket.socket) -> None:
        caller.recv(10_000)
        caller.sendall(beginning)
        for _ in range(100):
            caller.sendall(b"x")
            time.sleep(0.02)

    return answer


def timed(url: str) -> tuple[http.Answer, bool]:
    """The answer to a call that has 0.2 s, and whether it came as fast as that, give or take a busy machine."""
    started = time.monotonic()
    answer = http.post_outside(url, b"{}", headers={}, read_timeout=0.2, private=True)
    return answer, time.monotonic() - started < 1


def test_headers_that_come_in_drops_are_cut_off() -> None:
    with speaking(dripped(b"HTTP/1.1 200 OK\r\nX-Slow: ")) as port:
        answer, in_time = timed(f"http://127.0.0.1:{port}/")

    assert (answer.broke, answer.exchange.failure, in_time) == (
        http.NO_ANSWER,
        "no answer within 0.2 s",
        True,
    )


def test_of_a_body_that_comes_in_drops_the_beginning_is_kept() -> None:
    with speaking(dripped(b"HTTP/1.1 202 Accepted\r\n\r\n")) as port:
        answer, in_time = timed(f"http://127.0.0.1:{port}/")

    assert (answer.broke, answer.status, in_time) == ("", 202, True)
    assert set(answer.body) == {"x"}


def test_a_name_that_is_looked_up_for_long_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is sent where it is found after all."""
    found, tried = Flag(), []
    looked_up = socket.getaddrinfo

    def slow(*asked: Any, **how: Any) -> Any:
        found.wait(5)
        return looked_up(*asked, **how)

    monkeypatch.setattr(http.socket, "getaddrinfo", slow)
    monkeypatch.setattr(socket, "create_connection", lambda *asked, **how: tried.append(asked))
    answer, in_time = timed("http://127.0.0.1:9/")
    found.set()
    for thread in threading.enumerate():
        if thread.name == "outside":
            thread.join(5)

    assert (answer.broke, in_time) == (http.NOT_SENT, True)
    assert answer.exchange.failure == "no connection within 0.2 s"
    assert tried == []


def test_who_says_nothing_is_hung_up_on() -> None:
    hung_up = Flag()

    def silent(caller: socket.socket) -> None:
        while caller.recv(10_000):
            pass
        hung_up.set()

    with speaking(silent) as port:
        answer, in_time = timed(f"http://127.0.0.1:{port}/")

    assert (answer.broke, in_time, hung_up.is_set()) == (http.NO_ANSWER, True, True)
