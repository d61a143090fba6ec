"""The stages of a request: which runs, in what order, and what may fail without failing the request."""

import math
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

from app.audio.channels import Mixing, downmixed
from app.audio.decoder import Decoder
from app.audio.excerpt import Excerpt
from app.audio.file_decoding import Wanted
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.channels import Heard, Sound, hear_channels, joined
from app.checkpoint import Checkpoint
from app.chinese_script import in_script, telling_in_script
from app.concurrency import run_concurrently
from app.engines.interfaces import Engines, Listening, SpeakerCountRange, Transcription, TranscriptionRequest
from app.engines.platform.allocator import return_freed_memory
from app.events import Listener, advance_of, nobody_listens
from app.formats.timestamps import minutes
from app.known_speakers import name_known
from app.known_text import place_known_text
from app.options.asr_options import AsrOptions
from app.options.languages import UNDETERMINED
from app.options.verbatim import verbatim_prompt
from app.pace import Pace
from app.request_context import RequestContext
from app.retelling import telling_later, telling_of_a_part
from app.speakers import assign_speakers
from app.stage import Stage
from app.time_shift import later
from app.transcript import Diarization, LanguageGuess, Segment, TextFit, Transcript, language_shares
from app.voice_samples import decode_samples, voices_of
from app.word_times import DEGRADABLE, WordTimes, degrade, explain, timed_by_transcriber, warn
from app.work.upload_store import StoredUpload

LANGUAGES_DIFFER = "the channels are in several languages"
NO_SPEECH = "no speech was found"


class Pipeline:
    """Turns an upload into a transcript with the decoder and the engines it is given."""

    def __init__(
        self, engines: Engines, decoder: Decoder, *, diarize_concurrently: bool, pace: Pace | None = None
    ) -> None:
        """Tell `pace` how long each recording took."""
        self._engines = engines
        self._decoder = decoder
        self._diarize_concurrently = diarize_concurrently
        self._pace = pace or Pace()

    def transcribe(self, upload: StoredUpload, context: RequestContext, checkpoint: Checkpoint) -> Transcript:
        """Return the transcript of `upload`, which is gone once it is decoded.

        Raises what the decoder and the transcriber raise, and ClientLeft or DeadlineExceeded from the
        checkpoint. Alignment and diarization that fail after that are recorded as warnings.
        """
        options = context.options
        hear = partial(self._hear, context=context, checkpoint=checkpoint)
        try:
            decode = partial(self._decode, upload, context, checkpoint)
            with closing(upload):
                parts = hear_channels(decode, upload.close, hear, options, context.warnings.append)
        finally:
            return_freed_memory()
        heard = joined(parts)
        duration = context.audio_seconds or 0.0
        self._pace.learn(context.model.name, context.stage_seconds, duration * len(parts))
        context.warnings += _limits(parts)
        return Transcript(
            segments=_finished(heard.segments, options),
            language=heard.language,
            languages=language_shares(
                (each.language, each.end - each.start) for each in heard.segments if each.language is not None
            ),
            duration=duration,
            model=context.model.name,
            speaker_embeddings=heard.embeddings if options.return_speaker_embeddings else None,
            tracks=context.tracks,
            warnings=tuple(dict.fromkeys(context.warnings)),
            fit=heard.fit,
        )

    def _hear(self, sound: Sound, context: RequestContext, checkpoint: Checkpoint) -> Heard:
        """Return what is said in `sound`, when and by whom."""
        options = context.options
        context = replace(context, tell=_retold(sound, context))
        transcription, diarization = self._transcribe_and_diarize(sound, context, checkpoint)
        if transcription.left_out:
            warn(context, _left_out(transcription, options))
        segments, fit = self._timed(sound.samples, transcription, context, checkpoint)
        if diarization is None:
            return Heard(segments, transcription.language, fit=fit)
        segments = assign_speakers(
            segments, diarization.turns, split=options.split_speakers, fill_nearest=options.fill_nearest
        )
        speakers = frozenset(turn.speaker for turn in diarization.turns)
        return Heard(segments, transcription.language, dict(diarization.embeddings), speakers, fit)

    def detect_language(
        self, upload: StoredUpload, context: RequestContext, checkpoint: Checkpoint
    ) -> LanguageGuess:
        """Return the language spoken in `upload`, which is gone once it is decoded.

        UNDETERMINED where nobody speaks.
        """
        with closing(upload):
            waveform = self._decode(upload, context, checkpoint)
        lending = self._engines.transcriber(context.model, checkpoint)
        with context.using(Stage.TRANSCRIBE, lending) as lease:
            guess = lease.run(lambda engine: engine.detect_language(waveform, checkpoint))
        return_freed_memory()
        context.warnings += _passed_over(guess.passed_over, guess.code)
        if guess.code == UNDETERMINED:
            context.warnings.append(NO_SPEECH)
        return guess

    def _decode(
        self,
        upload: StoredUpload,
        context: RequestContext,
        checkpoint: Checkpoint,
        mixing: Mixing = downmixed,
    ) -> Waveform:
        """Return the samples of `upload` that are asked for, its channels mixed as told."""
        options = context.options
        wanted = Wanted(Excerpt(options.start or 0.0, options.duration), options.audio_track, mixing)
        with context.stage(Stage.DECODE), upload.open() as path:
            decoded = self._decoder.read(
                path,
                checkpoint,
                wanted,
                raw_pcm=not options.encode,
                advance=advance_of(Stage.DECODE, context.tell),
            )
        context.warnings += decoded.warnings
        context.tracks = decoded.tracks
        context.audio_seconds = len(decoded.samples) / SAMPLE_RATE
        return decoded.samples

    def _transcribe_and_diarize(
        self, sound: Sound, context: RequestContext, checkpoint: Checkpoint
    ) -> tuple[Transcription, Diarization | None]:
        """Run both, at the same time if told to; what the diarizer hears first tells where speech is."""
        if not _tells_apart(sound, context.options):
            return self._transcribe(sound.samples, None, context, checkpoint), None
        samples = self._samples_of_the_known(context, checkpoint)
        try:
            heard = self._listen(sound.samples, context, checkpoint)
        except DEGRADABLE as exc:
            _leave_out_speakers(context, exc)
            return self._transcribe(sound.samples, None, context, checkpoint), None
        transcribe = partial(self._transcribe, sound.samples, heard, context)
        diarize = partial(self._diarize, sound.samples, heard, samples, context)
        if self._diarize_concurrently:
            return run_concurrently(transcribe, diarize, checkpoint)
        return transcribe(checkpoint), diarize(checkpoint)

    def _listen(
        self, waveform: Waveform, context: RequestContext, checkpoint: Checkpoint
    ) -> Listening | None:
        """Return what the diarizer hears in `waveform`; None where somebody waits for the first text.

        A model that cannot be had fails the request before anything is listened to.
        """
        if context.extras.soon:
            return None
        with context.stage(Stage.LOAD), self._engines.transcriber(context.model, checkpoint):
            pass
        lending = self._engines.diarizer(context.model, checkpoint)
        with context.using(Stage.DIARIZE, lending) as lease:
            return lease.run(lambda engine: engine.listen(waveform, checkpoint, context.tell))

    def _transcribe(
        self, waveform: Waveform, heard: Listening | None, context: RequestContext, checkpoint: Checkpoint
    ) -> Transcription:
        options = context.options
        request = TranscriptionRequest(
            task=options.task,
            language=options.spoken_language,
            initial_prompt=_prompt(options),
            hotwords=options.hotwords,
            temperature=options.temperature,
            soon=context.extras.soon,
            beam_size=options.beam_size,
            suppress_numerals=options.suppress_numerals,
            languages=options.candidate_languages,
            times_words=timed_by_transcriber(self._engines, context),
            vad_onset=options.vad_onset,
            vad_offset=options.vad_offset,
            vad_pad=options.vad_pad,
            speech=heard.speech if heard else None,
            token_logprobs=context.extras.token_logprobs,
        )
        lending = self._engines.transcriber(context.model, checkpoint)
        with context.using(Stage.TRANSCRIBE, lending) as lease:
            transcription = lease.run(
                lambda engine: (engine.transcribe if options.transcript is None else engine.find_speech)(
                    waveform, request, checkpoint, context.tell
                )
            )
        context.warnings += _passed_over(transcription.passed_over, transcription.language)
        return transcription

    def _samples_of_the_known(self, context: RequestContext, checkpoint: Checkpoint) -> dict[str, Waveform]:
        known = context.extras.known_speakers
        if not known:
            return {}
        with context.stage(Stage.DECODE):
            return decode_samples(self._decoder, known, checkpoint)

    def _diarize(
        self,
        waveform: Waveform,
        listening: Listening | None,
        samples: Mapping[str, Waveform],
        context: RequestContext,
        checkpoint: Checkpoint,
    ) -> Diarization | None:
        """Return who speaks when; those whose voice is in `samples` by their names."""
        try:
            lending = self._engines.diarizer(context.model, checkpoint)
            speakers = _speaker_count(context.options)
            with context.using(Stage.DIARIZE, lending) as lease:
                asked = waveform, speakers, checkpoint, context.tell, listening
                heard = lease.run(lambda engine: engine.diarize(*asked))
                voices = lease.run(lambda engine: voices_of(engine, samples, checkpoint)) if samples else {}
                return name_known(heard, voices)
        except DEGRADABLE as exc:
            _leave_out_speakers(context, exc)
            return None

    def _timed(
        self,
        waveform: Waveform,
        transcription: Transcription,
        context: RequestContext,
        checkpoint: Checkpoint,
    ) -> tuple[tuple[Segment, ...], TextFit | None]:
        """Return the segments with word times, and how well the text fits if the caller gave it."""
        if context.options.transcript is None:
            return WordTimes(self._engines, waveform, context, checkpoint).of(transcription), None
        placed = place_known_text(self._engines, waveform, transcription, context, checkpoint)
        return placed.segments, placed.fit


def _retold(sound: Sound, context: RequestContext) -> Listener:
    """Return who hears what the work on `sound` tells, with times and characters as the client wants them."""
    tell, options = context.tell, context.options
    if tell is nobody_listens:
        return tell
    if sound.channel is not None:
        tell = telling_of_a_part(tell, sound.number, sound.of)
    if options.chinese_script is not None:
        tell = telling_in_script(tell, options.chinese_script)
    return telling_later(tell, options.shift) if options.shift else tell


def _leave_out_speakers(context: RequestContext, failure: Exception) -> None:
    """Tell of it, or raise `failure` where the request is of no use without speakers."""
    if context.extras.speakers_required:
        raise failure
    degrade(context, "speakers are missing", explain(failure))


def _tells_apart(sound: Sound, options: AsrOptions) -> bool:
    """Return whether people are to be told apart; on a channel, which has its one, only on demand."""
    return options.diarize and (sound.channel is None or "diarize" in options.model_fields_set)


def _prompt(options: AsrOptions) -> str | None:
    if not options.verbatim:
        return options.initial_prompt
    return verbatim_prompt(options.initial_prompt, options.spoken_language)


def _speaker_count(options: AsrOptions) -> SpeakerCountRange:
    exact = options.num_speakers
    return SpeakerCountRange(
        least=exact or options.min_speakers or 1, most=exact or options.max_speakers or math.inf
    )


def _finished(segments: tuple[Segment, ...], options: AsrOptions) -> tuple[Segment, ...]:
    """Return the segments with what was asked for, in the script and at the times that were."""
    if options.chinese_script is not None:
        segments = in_script(segments, options.chinese_script)
    if not options.word_timestamps:
        segments = tuple(replace(segment, words=None) for segment in segments)
    return later(segments, options.shift) if options.shift else segments


def _limits(parts: Sequence[Heard]) -> list[str]:
    """Return what the caller must know of an answer that is whole and yet less than was hoped for."""
    spoken = [part for part in parts if part.segments]
    if not spoken:
        return [NO_SPEECH]
    languages = dict.fromkeys(part.language for part in spoken)
    return [f"{LANGUAGES_DIFFER}: {', '.join(languages)}"] if len(languages) > 1 else []


def _left_out(transcription: Transcription, options: AsrOptions) -> str:
    """Return where something was heard that cannot have been said."""
    spans = (
        f"{minutes(start + options.shift)} to {minutes(end + options.shift)}"
        for start, end in transcription.left_out
    )
    return f"what was heard from {', '.join(spans)} was improbable or went in circles and was left out"


def _passed_over(likelier: str | None, taken: str) -> list[str]:
    if likelier is None:
        return []
    return [f"the language may be {likelier}, which ALLOWED_LANGUAGES leaves out; it was taken for {taken}"]
