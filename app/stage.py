"""The stages of a request: one name for each in timings, metrics, log lines and sentences."""

from enum import StrEnum


class Stage(StrEnum):
    """A stage, in the order in which timings are reported.

    The value is its name in the header Server-Timing, in the metric asr_stage_seconds and, followed by
    "_seconds", in the request's log line.
    """

    noun: str
    """Its name in messages: "transcription failed"."""
    engine_kind: str
    """What runs it, as metrics label it: whisper, aligner or diarizer; empty where no engine does."""

    QUEUE = "queue", "waiting"
    DECODE = "decode", "decoding"
    LOAD = "load", "loading"
    """Waiting for an engine, which includes downloading and loading it."""
    TRANSCRIBE = "transcribe", "transcription", "whisper"
    ALIGN = "align", "alignment", "aligner"
    DIARIZE = "diarize", "diarization", "diarizer"

    def __new__(cls, value: str, noun: str, engine_kind: str = "") -> "Stage":
        """Return the member `value` with its words."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.noun, member.engine_kind = noun, engine_kind
        return member
