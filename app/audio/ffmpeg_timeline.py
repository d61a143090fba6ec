"""A filter of ffmpeg's that puts sound where its time stamps say, loses none, and reports what is missing."""

import re
from dataclasses import dataclass, field

TOLERANCE_SECONDS = 0.1
"""Time stamps this far from the end of the sound before are rounding, and change nothing."""
_MIN_GAP_SECONDS = 0.05
"""A smaller step between two frames is a clock that drifts, not sound that is missing."""
_REPORTED_GAPS = 5

# Registers of ffmpeg's expressions. All are in seconds.
_END, _SHIFT, _LEFT_AT, _STREAM_END, _NOW, _STEP, _PLACE, _LENGTH = range(8)
_START_LEVEL, _GAP_LEVEL = 24, 16
"""AV_LOG_WARNING and AV_LOG_ERROR: how the two kinds of reports are told apart."""
_REPORT = re.compile(r"(?:\[Eval @ \w+\] )?\[(warning|error)\] (-?\d+\.\d+)$")


def timeline_filter(max_gap_seconds: float) -> str:
    """Return an asetpts filter for the sound as it leaves the decoder.

    A frame whose time stamp lies before the end of the sound so far is put at that end, and so is what
    follows it, until the stamps go on where they had been left. A gap is kept, so that aresample fills it
    with silence, if it is no longer than `max_gap_seconds`; else it is closed. The filter prints where
    the sound begins, and place and length of every gap.
    """
    now = f"st({_NOW},if(isnan(PTS),ld({_END})-ld({_SHIFT}),PTS*TB))"
    begin = f"if(eq(N,0),st({_END},ld({_NOW}));st({_STREAM_END},ld({_NOW}));print(ld({_NOW}),{_START_LEVEL}))"
    step = f"st({_STEP},ld({_NOW})+ld({_SHIFT})-ld({_END}))"
    join = f"st({_SHIFT},ld({_SHIFT})-ld({_STEP}));st({_STEP},0)"
    back = f"if(lt(ld({_STEP}),-{TOLERANCE_SECONDS}),st({_LEFT_AT},ld({_STREAM_END}));{join})"
    goes_on = f"lt(abs(ld({_NOW})-ld({_LEFT_AT})),{TOLERANCE_SECONDS})*gt(ld({_LEFT_AT}),0)"
    report = (
        f"if(gt(ld({_NOW})-ld({_STREAM_END}),{_MIN_GAP_SECONDS}),"
        f"st({_PLACE},ld({_END}));st({_LENGTH},ld({_STEP})))"
    )
    # One frame later: ffmpeg 5 evaluates this at the end of the file again, with a meaningless time stamp.
    printed = (
        f"if(ld({_LENGTH}),"
        f"print(ld({_PLACE}),{_GAP_LEVEL});print(ld({_LENGTH}),{_GAP_LEVEL});st({_LENGTH},0))"
    )
    gap = f"{report};if(gt(ld({_STEP}),{max_gap_seconds:.3f}),{join})"
    forth = f"if(gt(ld({_STEP}),{TOLERANCE_SECONDS}),if({goes_on},{join},{gap}),st({_STEP},0))"
    length = "NB_SAMPLES/SR"
    advance = f"st({_STREAM_END},ld({_NOW})+{length});st({_END},ld({_END})+ld({_STEP})+{length})"
    steps = ";".join((printed, now, begin, step, back, forth, advance, f"(ld({_END})-{length})/TB"))
    return f"asetpts='{steps}'"


@dataclass(slots=True)
class TimelineReport:
    """What the filter has reported so far."""

    start_seconds: float | None = None
    gaps: list[tuple[float, float]] = field(default_factory=list)
    """Place and length, in seconds, of the first ones."""
    gap_count: int = 0
    gap_seconds: float = 0.0
    _place: float | None = None

    def take(self, line: str) -> bool:
        """Take a line of ffmpeg's messages; False if it is none of the filter's."""
        report = _REPORT.match(line)
        if report is None:
            return False
        value = float(report[2])
        if report[1] == "warning":
            self.start_seconds = value if self.start_seconds is None else self.start_seconds
        elif self._place is None:
            self._place = value
        else:
            self._add(self._place, value)
            self._place = None
        return True

    def _add(self, place: float, length: float) -> None:
        self.gap_count += 1
        self.gap_seconds += length
        if len(self.gaps) < _REPORTED_GAPS:
            self.gaps.append((place, length))
