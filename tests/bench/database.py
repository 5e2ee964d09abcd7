"""The product's own way to connect, for the floor: same driver, same pool."""

from typing import Any

import environ


def database(url: str) -> dict[str, Any]:
    return {**environ.Env.db_url_config(url), "OPTIONS": {"pool": {"min_size": 1, "max_size": 16}}}
