"""`make bench ARGS=log`: what the pages over the log cost with a million messages and with ten, on PostgreSQL.

BENCH_ROWS names other sizes, BENCH_RUNS how often each page is asked for.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.services import services


def main() -> None:
    """Starts a database and, in a process of its own, the measurement; a failure of it ends this one too."""
    with services() as addresses, tempfile.TemporaryDirectory() as folder:
        Path(folder, "static").mkdir()  # WhiteNoise warns where there is none
        environment = os.environ | addresses | {
            "DJANGO_SETTINGS_MODULE": "smsadmin.settings",
            "DATA_DIR": folder,
            "DEBUG": "false",
            "ALLOWED_HOSTS": "testserver",
            "STATIC_STORAGE": "django.contrib.staticfiles.storage.StaticFilesStorage",
            "LOG_LEVEL": "ERROR",
        }  # fmt: skip
        done = subprocess.run([sys.executable, "-m", "tests.bench.pages"], env=environment, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
