"""The form of the log: one line per record, as text or as JSON, with whatever fields a record carries."""

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar, copy_context
from typing import Literal, ParamSpec, TypeVar

FIELDS = "fields"
"""logger.info("...", extra={FIELDS: {...}}) adds fields to a line."""

OURS = ("app", "uvicorn")
"""Loggers whose lines are wanted at any level; below warning, libraries may log what clients sent."""

_CREDENTIALS = re.compile(
    r"""(?<=://)[^\s"'<>@/:]*(?::[^\s"'<>]*)?@|\bhf_[A-Za-z0-9]{16,}|(?<=Bearer )[^\s"']+"""
)

P = ParamSpec("P")
T = TypeVar("T")

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def configure_logging(form: Literal["text", "json"], level: str) -> None:
    """Send our records of `level` and above to standard error, and those of libraries from warning on."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(_add_request_id)
    root = logging.getLogger()
    for previous in list(root.handlers):
        root.removeHandler(previous)
    root.addHandler(handler)
    least = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(least, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(least)
    # It warns of whatever a client got wrong in a form; the answer says that, and the line of the request.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)


def bind_request_id(request_id: str) -> None:
    """Put `request_id` into every line that this task, and threads started from it, log from here on."""
    _request_id.set(request_id)


def with_current_context(work: Callable[P, T]) -> Callable[P, T]:
    """Return `work` for another thread, where its lines carry the same request id as here."""
    context = copy_context()

    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.run(work, *args, **kwargs)

    return within


def _add_request_id(record: logging.LogRecord) -> bool:
    record.request_id = _request_id.get()
    return True


class JsonFormatter(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _redact(json.dumps(line, default=str))


class TextFormatter(logging.Formatter):
    """Time, level, logger, message and name=value pairs; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; control characters in it are escaped, so that no client can forge one."""
        pairs = "".join(f" {name}={_shown(value)}" for name, value in _fields(record).items())
        message = _one_line(f"{record.getMessage()}{pairs}")
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {message}"
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return _redact(line)


def _redact(line: str) -> str:
    """Return `line` with the users, passwords and tokens in it, as errors of libraries quote them, as ***."""
    return _CREDENTIALS.sub("***", line)


def _time(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    fields = getattr(record, FIELDS, None)
    name = getattr(record, "request_id", "")
    return {**({"id": name} if name else {}), **(fields if isinstance(fields, Mapping) else {})}


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)
    return json.dumps(text) if not text or any(c in text for c in ' "=') else text


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
