"""What the pipeline runs, what may fail without failing the request, and what is said about it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.failures import is_engine_failure
from app.engines.interfaces import (
    Aligner,
    Diarizer,
    Listening,
    SpeakerCountRange,
    SpeechScores,
    Transcription,
    TranscriptionRequest,
)
from app.errors import (
    AsrError,
    ClientLeft,
    DeadlineExceeded,
    EngineFailed,
    ModelUnavailable,
    ServiceDraining,
    StageCancelled,
)
from app.events import Listener, nobody_listens
from app.models.catalogue import Catalogue
from app.models.model_spec import ModelSpec
from app.options.asr_options import AsrOptions
from app.pipeline import Pipeline
from app.request_context import Extras, RequestContext
from app.transcript import Diarization, Segment, Transcript, Word
from tests.fake_engines import FakeEngines, GivenSound, some_upload

DEMO = Catalogue(default="demo").resolve()


def transcribe(engines: FakeEngines, *, concurrently: bool = False, **options: object) -> Transcript:
    return pipeline(engines, concurrently).transcribe(some_upload(), asking(**options), lambda: None)


def pipeline(engines: FakeEngines, concurrently: bool = False) -> Pipeline:
    return Pipeline(engines, GivenSound(), diarize_concurrently=concurrently)


def asking(**options: object) -> RequestContext:
    return RequestContext(DEMO, AsrOptions(model="demo", **options))


@dataclass
class Unavailable(FakeEngines):
    """Fakes of which one stage cannot be had."""

    missing: str = ""
    aligned: list[str] = field(default_factory=list)
    reason: Exception = field(default_factory=lambda: ModelUnavailable("x", "accept its terms", 30))

    @contextmanager
    def aligner(self, model: ModelSpec, language: str, checkpoint: Checkpoint) -> Iterator[Aligner | None]:
        if self.missing == "aligner":
            raise self.reason
        self.aligned.append(language)
        yield self

    @contextmanager
    def diarizer(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator[Diarizer]:
        if self.missing == "diarizer":
            raise self.reason
        yield self


@pytest.mark.parametrize("concurrently", [False, True])
def test_words_have_times_and_speakers(concurrently: bool) -> None:
    """The usual way: every word is timed and given to who said it."""
    transcript = transcribe(FakeEngines(), concurrently=concurrently)
    words = [word for segment in transcript.segments for word in segment.words or ()]
    assert [(word.text, word.start, word.speaker) for word in words] == [
        ("hello", 0.0, "SPEAKER_00"),
        ("there", 0.5, "SPEAKER_01"),
    ]
    assert transcript.warnings == ()
    assert transcript.duration == 1.0


def test_a_detected_language_is_reported() -> None:
    """The language that the transcriber heard is the answer's, whatever alignment does."""
    assert transcribe(FakeEngines(language="de")).language == "de"


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_aligner_of_the_spoken_language_is_used(language: str) -> None:
    engines = Unavailable(language=language)
    transcribe(engines, diarize=False)
    assert engines.aligned == [language]


def test_a_language_without_an_aligner_is_timed_by_attention_and_says_which_setting_helps() -> None:
    transcript = transcribe(FakeEngines(language="cy"), diarize=False)
    assert [word.start for segment in transcript.segments for word in segment.words or ()] == [0.0, 0.5]
    (warning,) = transcript.warnings
    assert "words in welsh are timed by Whisper's attention, which is coarser" in warning
    assert "ALIGN_MODELS=cy=" in warning


@pytest.mark.parametrize(
    ("options", "by_transcriber"),
    [
        ({}, {"en": False, "cy": True}),
        ({"align": "attention"}, {"en": True, "cy": True}),
        ({"align": "wav2vec2"}, {"en": False, "cy": False}),
        ({"task": "translate"}, {"en": True, "cy": True}),
        ({"word_timestamps": False, "diarize": False}, {"en": True, "cy": True}),
    ],
)
def test_the_transcriber_times_words_where_no_aligner_is_to(
    options: dict[str, Any], by_transcriber: dict[str, bool]
) -> None:
    engines = FakeEngines()
    transcribe(engines, **options)
    (request,) = engines.requests
    assert {code: request.times_words(code) for code in by_transcriber} == by_transcriber


def test_without_attention_a_language_without_an_aligner_keeps_its_text_without_times() -> None:
    transcript = transcribe(FakeEngines(language="cy"), diarize=False, align="wav2vec2")
    assert [segment.text for segment in transcript.segments] == ["hello there"]
    assert [segment.words for segment in transcript.segments] == [None]
    assert "word times are missing: no alignment model" in transcript.warnings[0]


@dataclass
class Bilingual(FakeEngines):
    """Hears English, Welsh and English again, each word timed where that is asked for."""

    aligned: list[tuple[str, ...]] = field(default_factory=list)

    def transcribe(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        spoken = (("one", "en"), ("dau", "cy"), ("three", "en"))
        segments = tuple(
            Segment(place, place + 0.9, text, language=code) for place, (text, code) in enumerate(spoken)
        )
        timed = tuple(
            replace(each, words=(Word(each.text, each.start, each.end),))
            if request.times_words(each.language or "")
            else each
            for each in segments
        )
        return Transcription(timed, "en", left_out=((63.2, 70.0),))

    def align(
        self,
        waveform: Waveform,
        segments: tuple[Segment, ...],
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> tuple[Segment, ...]:
        self.aligned.append(tuple(segment.text for segment in segments))
        return super().align(waveform, segments, checkpoint, tell)


def test_each_language_has_its_own_aligner_or_attention_and_time_orders_all() -> None:
    engines = Bilingual()
    transcript = transcribe(engines, diarize=False)
    assert engines.aligned == [("one", "three")]
    assert [(segment.text, segment.language) for segment in transcript.segments] == [
        ("one", "en"),
        ("dau", "cy"),
        ("three", "en"),
    ]
    assert all(segment.words for segment in transcript.segments)
    assert transcript.languages == pytest.approx({"en": 2 / 3, "cy": 1 / 3})
    left_out, attention = transcript.warnings
    assert left_out == "what was heard from 1:03 to 1:10 was improbable or went in circles and was left out"
    assert "welsh" in attention


def test_translations_are_never_aligned_with_the_spoken_language() -> None:
    engines = Bilingual()
    transcript = transcribe(engines, task="translate", diarize=False)
    assert engines.aligned == []
    assert all(segment.words for segment in transcript.segments)
    _, attention = transcript.warnings
    assert attention.startswith("the words of a translation are timed by Whisper's attention")


def test_without_word_timestamps_and_speakers_nothing_is_aligned() -> None:
    engines = Unavailable(missing="aligner", reason=AssertionError("the aligner was asked for"))
    transcript = transcribe(engines, word_timestamps=False, diarize=False)
    assert transcript.segments[0].words is None


def test_without_word_timestamps_speakers_are_still_told_apart_word_by_word() -> None:
    """Words are needed to split a segment between two people, and left out of the answer."""
    transcript = transcribe(FakeEngines(), word_timestamps=False, split_speakers=True)
    assert {segment.speaker for segment in transcript.segments} == {"SPEAKER_00", "SPEAKER_01"}
    assert all(segment.words is None for segment in transcript.segments)


@pytest.mark.parametrize("concurrently", [False, True])
@pytest.mark.parametrize(
    ("missing", "lost"), [("aligner", "timed by Whisper's attention"), ("diarizer", "speakers are missing")]
)
def test_a_stage_that_is_unavailable_leaves_the_transcript_and_a_warning(
    missing: str, lost: str, concurrently: bool
) -> None:
    transcript = transcribe(Unavailable(missing=missing), concurrently=concurrently)
    assert " ".join(segment.text for segment in transcript.segments) == "hello there"
    assert len(transcript.warnings) == 1
    assert lost in transcript.warnings[0]
    assert "accept its terms" in transcript.warnings[0]


def test_an_engine_that_breaks_while_aligning_tells_the_client_nothing_of_its_insides() -> None:
    broken = Unavailable(missing="aligner", reason=EngineFailed("alignment"))
    warnings = transcribe(broken, diarize=False).warnings
    assert warnings == (
        "words in english are timed by Whisper's attention, which is coarser than an aligner: "
        "alignment failed unexpectedly; the log of the service has the cause",
    )


def test_failing_transcription_fails_the_request() -> None:
    with pytest.raises(ModelUnavailable):
        transcribe(FakeEngines(failure=ModelUnavailable("demo", "gone", 30)))


@pytest.mark.parametrize("missing", ["aligner", "diarizer"])
@pytest.mark.parametrize("reason", [ClientLeft(), DeadlineExceeded(60), ServiceDraining(30)])
def test_what_ends_a_request_ends_it_in_every_stage(reason: AsrError, missing: str) -> None:
    """Leaving, a time limit and shutting down are no failures that degrade."""
    with pytest.raises(type(reason)):
        transcribe(Unavailable(missing=missing, reason=reason))


@dataclass
class BeingLoaded(FakeEngines):
    """Fakes of which one has to be loaded first: its checkpoint is called."""

    stage: str = ""

    @contextmanager
    def transcriber(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator[FakeEngines]:
        yield self._lend("transcriber", checkpoint)

    @contextmanager
    def aligner(self, model: ModelSpec, language: str, checkpoint: Checkpoint) -> Iterator[FakeEngines]:
        yield self._lend("aligner", checkpoint)

    @contextmanager
    def diarizer(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator[FakeEngines]:
        yield self._lend("diarizer", checkpoint)

    def _lend(self, stage: str, checkpoint: Checkpoint) -> FakeEngines:
        if stage == self.stage:
            checkpoint()
        return self


def leave() -> None:
    raise ClientLeft


@pytest.mark.parametrize("concurrently", [False, True])
@pytest.mark.parametrize("stage", ["transcriber", "aligner", "diarizer"])
def test_a_client_may_leave_while_any_of_its_models_is_loaded(stage: str, concurrently: bool) -> None:
    with pytest.raises(ClientLeft):
        pipeline(BeingLoaded(stage=stage), concurrently).transcribe(some_upload(), asking(), leave)


def test_a_client_may_leave_while_the_model_that_tells_its_language_is_loaded() -> None:
    with pytest.raises(ClientLeft):
        pipeline(BeingLoaded(stage="transcriber")).detect_language(some_upload(), asking(), leave)


def test_speaker_counts_reach_the_diarizer() -> None:
    engines = FakeEngines()
    transcribe(engines, min_speakers=2, max_speakers=4)
    transcribe(engines, num_speakers=3)
    assert engines.bounds == [SpeakerCountRange(2, 4), SpeakerCountRange(3, 3)]


def test_bounds_of_speech_reach_the_transcriber() -> None:
    engines = FakeEngines()
    transcribe(engines, vad_onset=0.3, vad_offset=0.2, vad_pad=0.0)
    transcribe(engines)
    assert [(each.vad_onset, each.vad_offset, each.vad_pad) for each in engines.requests] == [
        (0.3, 0.2, 0.0),
        (None, None, None),
    ]


@dataclass
class Attentive(FakeEngines):
    """A diarizer that listens before it tells people apart."""

    given: list[Listening | None] = field(default_factory=list)
    ear: Listening = field(
        default_factory=lambda: Listening(SpeechScores(np.zeros(50, np.float32), 0.0, 0.02))
    )

    def listen(self, *_: object) -> Listening:
        return self.ear

    def diarize(self, *arguments: Any) -> Diarization:
        self.given.append(arguments[4])
        return super().diarize(*arguments)


@pytest.mark.parametrize("concurrently", [False, True])
def test_what_the_diarizer_heard_serves_both(concurrently: bool) -> None:
    engines = Attentive()
    transcribe(engines, concurrently=concurrently)
    assert engines.requests[0].speech is engines.ear.speech
    assert engines.given == [engines.ear]


def test_nobody_who_waits_for_the_first_text_waits_for_the_diarizer() -> None:
    engines, context = Attentive(), asking()
    context.extras = Extras(soon=True)
    pipeline(engines).transcribe(some_upload(), context, lambda: None)
    assert engines.requests[0].speech is None
    assert engines.given == [None]


def test_voice_vectors_are_returned_only_where_they_were_asked_for() -> None:
    assert transcribe(FakeEngines()).speaker_embeddings is None
    asked = transcribe(FakeEngines(), return_speaker_embeddings=True)
    assert set(asked.speaker_embeddings or ()) == {"SPEAKER_00", "SPEAKER_01"}


@dataclass
class Rendezvous(FakeEngines):
    """Each of transcription and diarization waits until the other has begun."""

    diarizing: threading.Event = field(default_factory=threading.Event)

    def transcribe(self, *arguments: object) -> object:
        self.entered.set()
        assert self.diarizing.wait(5), "diarization did not begin while transcription ran"
        return super().transcribe(*arguments)

    def diarize(self, *arguments: object) -> object:
        self.diarizing.set()
        assert self.entered.wait(5), "transcription did not begin while diarization ran"
        return super().diarize(*arguments)


def test_diarization_runs_beside_transcription_when_told_to() -> None:
    assert len(transcribe(Rendezvous(), concurrently=True).segments) == 2


@dataclass
class EndlessDiarizer(FakeEngines):
    """Diarizes until its checkpoint stops it."""

    stopped: threading.Event = field(default_factory=threading.Event)

    def diarize(
        self, waveform: object, speakers: SpeakerCountRange, checkpoint: Checkpoint, *_: object
    ) -> object:
        try:
            while True:
                checkpoint()
        finally:
            self.stopped.set()


def test_diarization_beside_a_failed_transcription_is_stopped() -> None:
    engines = EndlessDiarizer(failure=ModelUnavailable("demo", "gone", 30))
    with pytest.raises(ModelUnavailable):
        transcribe(engines, concurrently=True)
    assert engines.stopped.is_set()


@dataclass
class EndlessTranscriber(FakeEngines):
    """Transcribes until its checkpoint stops it, and writes down by what."""

    stopped_by: list[BaseException] = field(default_factory=list)

    def transcribe(
        self, waveform: object, request: TranscriptionRequest, checkpoint: Checkpoint, *_: object
    ) -> Transcription:
        try:
            while True:
                checkpoint()
        except BaseException as reason:
            self.stopped_by.append(reason)
            raise


@pytest.mark.parametrize("reason", [RuntimeError("a defect"), DeadlineExceeded(60), SystemExit(1)])
def test_transcription_beside_a_failed_diarization_is_stopped(reason: BaseException) -> None:
    engines = EndlessTranscriber(diarize_failure=reason)
    with pytest.raises(type(reason)):
        transcribe(engines, concurrently=True)
    (stopped_by,) = engines.stopped_by
    assert isinstance(stopped_by, StageCancelled), "it has not failed, and nobody has left"
    assert not is_engine_failure(stopped_by), "nobody counts it"


def test_a_diarization_that_may_be_missing_stops_nothing() -> None:
    engines = FakeEngines(diarize_failure=EngineFailed("diarization"))
    assert transcribe(engines, concurrently=True).warnings[0].startswith("speakers are missing")


@dataclass
class Deaf(FakeEngines):
    """Hears nobody."""

    def transcribe(self, *arguments: object) -> Transcription:
        return Transcription((), "und")


@pytest.mark.parametrize("diarize", [False, True])
def test_where_nobody_speaks_the_answer_says_so(diarize: bool) -> None:
    transcript = transcribe(Deaf(), diarize=diarize)
    assert transcript.segments == ()
    assert transcript.warnings == ("no speech was found",)


def test_a_translation_of_several_people_has_a_speaker_for_every_word() -> None:
    transcript = transcribe(FakeEngines(), task="translate")
    assert [segment.speaker for segment in transcript.segments] == ["SPEAKER_00", "SPEAKER_01"]


@dataclass
class SlowToLoad(FakeEngines):
    """Loading takes a while, working does not."""

    @contextmanager
    def transcriber(self, model: ModelSpec, checkpoint: Checkpoint) -> Iterator[FakeEngines]:
        time.sleep(0.05)
        yield self


def test_loading_is_a_stage_of_its_own() -> None:
    context = asking()
    pipeline(SlowToLoad()).detect_language(some_upload(), context, lambda: None)
    assert context.stage_seconds["load"] >= 0.05
    assert context.stage_seconds["transcribe"] < context.stage_seconds["load"]


def test_stage_seconds_name_the_stages_that_ran() -> None:
    context = asking()
    pipeline(FakeEngines()).transcribe(some_upload(), context, lambda: None)
    assert list(context.stage_seconds) == ["decode", "load", "diarize", "transcribe", "align"]
    assert context.audio_seconds == 1.0


@pytest.mark.parametrize("failure", [None, RuntimeError("a defect")])
def test_an_upload_is_gone_once_it_is_decoded(failure: Exception | None) -> None:
    upload = some_upload()
    with suppress(RuntimeError):
        pipeline(FakeEngines(failure=failure)).transcribe(upload, asking(), lambda: None)
    assert upload.closed


def test_a_language_that_the_operator_leaves_out_is_told() -> None:
    engines = FakeEngines(passed_over="es")
    warning = "the language may be es, which ALLOWED_LANGUAGES leaves out; it was taken for en"
    assert transcribe(engines).warnings == (warning,)
    context = asking()
    pipeline(engines).detect_language(some_upload(), context, lambda: None)
    assert context.warnings == [warning]
