"""Log lines: one event with its ids as fields; readable on a terminal, JSON where LOG_FORMAT=json."""

import os
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

#: Who knows where a provider calls us may speak for it: such an address is a secret (smsadmin.incoming). So is the code
#: that an OAuth authorisation comes back with.
_SECRET_PATH = re.compile(r"(/(?:aircall|callr)/\w+/|[?&]code=)[^\s/?&]+")


def without_secret_paths(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Masks them in what is said of a request that failed."""
    for name in ("event", "request"):
        if isinstance(said := line.get(name), str):
            line[name] = _SECRET_PATH.sub(r"\1•••", said)
    return line


SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    without_secret_paths,
]


def configure() -> None:
    """Routes structlog's events through the standard library's handlers."""
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def formatter() -> structlog.stdlib.ProcessorFormatter:
    """The formatter that settings.LOGGING names."""
    as_json = os.environ.get("LOG_FORMAT") == "json"
    last: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            last,
        ],
    )


configure()
