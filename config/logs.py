"""Logs as events: JSON for machines, lines for people, no personal data in either."""

from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

PERSONAL = frozenset(
    {
        "address",
        "authorization",
        "body",
        "cookie",
        "email",
        "first_name",
        "full_name",
        "last_name",
        "name",
        "password",
        "phone",
        "request",
        "subject",
        "to",
        "token",
    }
)
"""Keys whose values never reach a log; events speak of people by id."""


def leave_out_personal_data(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace what could name a person, whoever logged it."""
    return {
        key: "(left out)" if key.lower() in PERSONAL else value for key, value in event.items()
    }


def configuration(*, machine_readable: bool, level: str) -> dict[str, Any]:
    """Return Django's LOGGING: every logger through structlog, to standard error."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        leave_out_personal_data,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if machine_readable:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # The default traceback prints every local variable, and people are in them.
        plain = structlog.dev.plain_traceback
        last += [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "event": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": last,
                "foreign_pre_chain": shared,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "event"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # A refused or missing page is the visitor's business, not an incident.
            "django.request": {"handlers": [], "level": "ERROR", "propagate": True},
        },
    }
