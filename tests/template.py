"""An SQLite database that is migrated once and copied: migrating takes longer than most tests together.

It is made from nothing by `manage.py migrate`, anew whenever a migration or a requirement changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".pytest_cache" / "databases"


def copy_to(path: Path) -> None:
    """Puts a migrated database at the path, where the next `migrate` finds nothing to do."""
    shutil.copyfile(_template(), path)


def _template() -> Path:
    """The database of the migrations as they are now; whoever asks meanwhile waits until it is made."""
    made = KEPT / f"{_fingerprint()}.sqlite3"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for older in KEPT.glob("*.sqlite3"):
                older.unlink()
            _migrated().rename(made)
    return made


def _fingerprint() -> str:
    found = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for migration in sorted((ROOT / "smsadmin").glob("*/migrations/*.py")):
        found.update(f"{migration.parent.parent.name}/{migration.name}\n".encode() + migration.read_bytes())
    return found.hexdigest()[:16]


def _migrated() -> Path:
    """A new database, migrated as an installation is."""
    part = KEPT / "part"
    part.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        chosen = {
            "DATABASE_URL": f"sqlite:///{part}",
            "DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "smsadmin.settings",
        }
        command = [sys.executable, "manage.py", "migrate", "-v0"]
        subprocess.run(command, cwd=ROOT, env=os.environ | chosen, check=True, timeout=300)
    return part
