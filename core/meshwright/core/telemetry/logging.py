"""Logging: one line per event, with the trace id, as text or as JSON for collectors.

Invariant: logs go to stderr; nothing is logged per message at info level; secrets never reach a log call.
"""

import datetime
import json
import logging
import sys

from meshwright.core.telemetry import sanitizing, tracing

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
        extra = "".join(f" {key}={value}" for key, value in _extra(record).items())
        # A message may contain text from outside: it must not be able to forge a line of the log.
        line = sanitizing.line(f"{time} {record.levelname:<7} {record.name}: {record.getMessage()}{extra}")
        return line + ("\n" + sanitizing.escaped(self.formatException(record.exc_info)) if record.exc_info else "")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    extra = {key: value for key, value in vars(record).items() if key not in _PLAIN}
    trace = tracing.trace_id()
    return {**extra, "trace_id": trace} if trace else extra


def configure(level: str, form: str) -> None:
    """Set up the root logger: `level` as in debug, info, warning; `form` is text or json."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("nats", "httpx", "httpcore", "uvicorn.access", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("nats.aio.client").setLevel(logging.CRITICAL)  # nats-py logs a traceback at every reconnect
