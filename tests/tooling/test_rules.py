"""The rules of tests/conftest.py, seen from outside: a suite of one test, run with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(folder: Path, body: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of pytest on a file with this one test."""
    test = folder / "test_one.py"
    test.write_text(f"import pytest, socket\n\n{body}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "-p", "tests.conftest", str(test)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "CI": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
    )
    return done.returncode, done.stdout


SKIPS = "def test_one(): pytest.skip('no moon')"
BROWSES = "@pytest.mark.browser\ndef test_one(): pass"
LEAVES = """
def test_one():
    try:
        socket.create_connection(("203.0.113.1", 80), 1)
    except OSError:
        pass
"""


@pytest.mark.processes
def test_leaving_the_machine_fails_even_where_the_error_is_swallowed(tmp_path: Path) -> None:
    code, output = run(tmp_path, LEAVES)
    assert code == 1
    assert "the test tried to reach 203.0.113.1" in output


@pytest.mark.processes
def test_a_skip_is_named_loudly_and_last_comes_the_closing_line(tmp_path: Path) -> None:
    code, output = run(tmp_path, SKIPS)
    assert code == 0
    assert "NOT RUN: 1 skipped" in output
    assert "NOT RUN: no moon" in output
    assert output.splitlines()[-1].startswith("=")
    assert "1 skipped in" in output.splitlines()[-1]


@pytest.mark.processes
def test_a_skip_fails_where_ci_is_true(tmp_path: Path) -> None:
    code, output = run(tmp_path, SKIPS, CI="true")
    assert code == 1
    assert "1 failed" in output
    assert "not allowed with CI=true: Skipped: no moon" in output


@pytest.mark.processes
@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_a_missing_chromium_is_a_skip_and_with_ci_a_failure(tmp_path: Path, ci: str, code: int) -> None:
    exit_code, output = run(tmp_path, BROWSES, CI=ci, PATH=str(tmp_path))
    assert exit_code == code
    assert "install Chromium" in output
