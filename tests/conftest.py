"""Rules for the whole suite: no network, nothing skipped in silence, Chromium from the machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis.internal.conjecture import providers

CI = os.environ.get("CI", "").lower() in {"1", "true"}
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


# Nothing is skipped in silence


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name loudly what this machine could not run."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    terminalreporter.section(f"NOT RUN: {len(skipped)} skipped", sep="!", red=True, bold=True)
    reasons = {report.longrepr[2].removeprefix("Skipped: ") for report in skipped}
    for reason in sorted(reasons):
        terminalreporter.line(f"NOT RUN: {reason}", red=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    return _skipping_is_failing((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    return _skipping_is_failing((yield))


def _skipping_is_failing(report: Any) -> Any:
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"not allowed with CI=true: {report.longrepr[2]}"
    return report


# Hypothesis tries the same examples whatever ran before: of its own it also takes constants from the modules
# that are loaded, and those hang on the order of tests
providers._get_local_constants = lambda: providers._local_constants


# Browser tests: those that use a page


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark browser tests and run them last: once Playwright runs, its event loop stays in the thread."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") is None:
        return
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    if CHROMIUM is None:
        pytest.skip("browser tests: install Chromium (Debian, Ubuntu: apt install chromium)")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    quiet = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update"
    quiet += " --disable-dev-shm-usage --disable-sync --no-first-run --disable-quic"
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": quiet.split()}


# Time: the database is migrated once for all processes, and the collector leaves alone what stays to the end


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """A copy of the template is used as it is. On PostgreSQL each process migrates a database of its own."""
    from django.conf import settings

    return settings.DATABASES["default"]["ENGINE"].endswith("sqlite3")  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, django_db_keepdb: bool
) -> None:
    from django.db import connection

    from tests import template

    if django_db_keepdb:
        template.copy_to(Path(connection.settings_dict["TEST"]["NAME"]))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Emptying the database after a test that commits would make the permissions and content types of every model anew
    each time. Nothing asks for permissions, and content types are made when they are asked for."""
    from django.contrib.contenttypes.models import ContentType
    from django.db.models.signals import post_migrate

    post_migrate.receivers.clear()
    post_migrate.sender_receivers_cache.clear()
    post_migrate.connect(lambda **_: ContentType.objects.clear_cache(), weak=False, dispatch_uid="tests")


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


# No network: a test that leaves this machine fails, even where the product swallows the error


class LeftTheMachine(OSError):
    """A test tried to reach another machine."""


def _is_local(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    tried: list[str] = []
    resolve, connect = socket.getaddrinfo, socket.socket.connect

    def guarded_resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if str(host).endswith(".invalid"):  # RFC 6761: a name that never resolves
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if not _is_local(host):
            tried.append(str(host))
            raise LeftTheMachine(host)
        return resolve(host, *args, **kwargs)

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_local(address[0]):
            tried.append(str(address))
            raise LeftTheMachine(address)
        connect(self, address)

    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    yield
    if tried:
        pytest.fail(f"the test tried to reach {', '.join(tried)}", pytrace=False)


# No language or time zone of one test's last request in the next one


@pytest.fixture(autouse=True)
def _in_english_and_utc() -> Iterator[None]:
    from django.utils import timezone, translation

    yield
    translation.deactivate()
    timezone.deactivate()


# No request that its service would not take: what we send is held to what the services document


@pytest.fixture(autouse=True)
def _as_documented(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from smsadmin.providers import http
    from tests import interfaces

    wrong: list[str] = []
    call = http.call

    def held_to_it(method: str, url: str, **sent: Any) -> Any:
        parts = {name: sent[name] for name in ("json_body", "params", "data") if name in sent}
        wrong.extend(interfaces.problems(method, url, **parts))
        return call(method, url, **sent)

    monkeypatch.setattr(http, "call", held_to_it)
    yield
    if wrong:
        pytest.fail("sent what no service documents:\n" + "\n".join(wrong[:5]), pytrace=False)
