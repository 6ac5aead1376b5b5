"""Logs: one line an event, key=value, to standard error; JSON when DIALER_LOG=json. User data is never logged."""

from __future__ import annotations

import logging
import os
import sys

import structlog


def set_up_logs(level: str = "info") -> None:
    """Sends structlog and the standard logging to standard error."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(
        stream=sys.stderr, level=max(number, logging.WARNING), format="%(levelname)s %(name)s: %(message)s"
    )
    as_json = os.environ.get("DIALER_LOG") == "json"
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
    )
