"""`make bench ARGS=quotas`: what counting in quotas costs, on PostgreSQL and on SQLite.

BENCH_ROUNDS names how many rounds the medians are of, BENCH_SECONDS how long each figure is measured in each.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.services import services


def main() -> None:
    """Starts a database and, in a process of its own for each kind, the measurement; a failure of it ends this one."""
    with services() as addresses, tempfile.TemporaryDirectory() as folder:
        Path(folder, "static").mkdir()  # WhiteNoise warns where there is none
        for url in (addresses["DATABASE_URL"], f"sqlite:///{folder}/db.sqlite3"):
            environment = os.environ | {
                "DJANGO_SETTINGS_MODULE": "smsadmin.settings",
                "DATABASE_URL": url,
                "BROKER_URL": addresses["BROKER_URL"],
                "DATA_DIR": folder,
                "CONFIGURATION_TTL": "3600",
                "LOG_LEVEL": "ERROR",
            }
            done = subprocess.run(
                [sys.executable, "-m", "tests.bench.counters"], env=environment, check=False
            )
            if done.returncode:
                raise SystemExit(done.returncode)
