"""Seconds become whole milliseconds here and nowhere else."""

from app.transcript import Seconds

_LATEST: Seconds = 1e9


def milliseconds(seconds: Seconds) -> int:
    """Return `seconds` in milliseconds, rounded to the nearest; 0 for a negative time.

    It agrees with round(seconds, 3), which JSON writes.
    """
    return round(round(min(max(seconds, 0.0), _LATEST), 3) * 1000)


def short_clock(seconds: Seconds) -> str:
    """Return the time as people say it: minutes and whole seconds, with hours where there are any.

    >>> short_clock(724.9), short_clock(3734)
    ('12:04', '1:02:14')
    """
    total = milliseconds(seconds) // 1000
    hours, minutes = divmod(total // 60, 60)
    return f"{hours}:{minutes:02d}:{total % 60:02d}" if hours else f"{minutes}:{total % 60:02d}"


def clock(total_milliseconds: int, decimal_mark: str) -> str:
    """Return HH:MM:SS, the decimal mark and three digits; hours grow beyond two digits at need."""
    total_seconds, rest = divmod(total_milliseconds, 1000)
    total_minutes, seconds = divmod(total_seconds, 60)
    hours, minutes = divmod(total_minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal_mark}{rest:03d}"


def minutes(seconds: Seconds) -> str:
    """Return a place in a recording as m:ss, for people.

    >>> minutes(61.9)
    '1:01'
    """
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
