"""Log lines: one event with its ids as fields; readable on a terminal, JSON where LOG_FORMAT=json."""

import logging
import os
import re
from typing import Any

import structlog

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
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


#: Who knows where a provider calls us may speak for it: such an address is a secret (smsadmin.incoming).
_SECRET_PATH = re.compile(r"(/aircall/\w+/)[^\s/?]+")


class WithoutSecretPaths(logging.Filter):
    """Masks addresses that are secrets in what Django says of a request that failed. settings.LOGGING names it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _SECRET_PATH.sub(r"\1•••", record.getMessage()), None
        return True


configure()
