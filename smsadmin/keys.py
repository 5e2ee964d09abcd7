"""Keys of an installation that was given none: made once, kept in DATA_DIR, readable by its owner alone."""

import os
from functools import cache
from pathlib import Path

from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key


@cache
def local_keys(data_dir: Path) -> dict[str, str]:
    """SECRET_KEY and FIELD_ENCRYPTION_KEY from DATA_DIR/keys.env, which is written on the first start."""
    path = data_dir / "keys.env"
    if not path.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path)
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)


def _write_once(path: Path) -> None:
    """Several processes may start together: the complete file of the first one wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    keys = {"SECRET_KEY": get_random_secret_key(), "FIELD_ENCRYPTION_KEY": Fernet.generate_key().decode()}
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in keys.items())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
