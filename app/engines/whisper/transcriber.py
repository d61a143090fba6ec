"""Speech to text with Whisper: chunks of speech, decoded in batches by CTranslate2."""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.alignment.known_text import pieces_of, place_by_words
from app.engines.alignment.sentences import SentenceSplitter
from app.engines.failures import engine_errors
from app.engines.interfaces import (
    USUAL_BOUNDS,
    PlacedText,
    SpeechBounds,
    Transcription,
    TranscriptionRequest,
    always,
)
from app.engines.platform.allocator import return_freed_memory
from app.engines.whisper.attention import sentences_of
from app.engines.whisper.batched_decoding import SPEECH_SHARE, ChunkDecoding, Languages, segment_of
from app.engines.whisper.generation import DirectDecoder
from app.engines.whisper.language_detection import LanguageDetection, Passages
from app.engines.whisper.model import WhisperModel
from app.engines.whisper.numerals import numeral_tokens
from app.engines.whisper.rows import Encoded, RowDecoder, Search
from app.engines.whisper.speech_chunks import Chunk
from app.engines.whisper.vocabulary import Vocabulary
from app.engines.whisper.voice_activity import VoiceActivity
from app.events import Listener, advance_of, nobody_listens
from app.models.model_spec import Abilities
from app.options.given_text import GivenText
from app.options.languages import LANGUAGES, LANGUAGES_WITHOUT_SPACES, UNDETERMINED
from app.stage import Stage
from app.transcript import LanguageGuess, Segment, language_shares

_DETECTION_WINDOW = 300 * SAMPLE_RATE
"""Speech is looked for in stretches of five minutes when only the language is wanted."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be asked of one model, and how far its text is believed."""

    name: str = "whisper"
    abilities: Abilities = field(default_factory=Abilities)
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """Codes of those that are detected."""
    guarded: bool = True
    """False: what is improbable or goes in circles stays, as for weights that mean nothing."""


class WhisperTranscriber:
    """Whisper over shared weights; every request gets an object of its own for what it sets."""

    def __init__(
        self,
        model: WhisperModel,
        voice_activity: VoiceActivity,
        *,
        batch_size: int,
        chunk_seconds: float,
        speech_bounds: SpeechBounds = USUAL_BOUNDS,
        scope: Scope = Scope(),
        decoder: RowDecoder | None = None,
    ) -> None:
        """Work on the weights of `model`, through `decoder` if there is one that others use as well."""
        self._model = model
        self._decoder = decoder or DirectDecoder(model)
        self._voice_activity = voice_activity
        self._batch_size = batch_size
        self._chunk_seconds = chunk_seconds
        self._bounds = speech_bounds
        self._scope = scope

    @classmethod
    def load(
        cls,
        source: Path,
        *,
        device: str,
        compute_type: str,
        batch_size: int,
        cpu_threads: int,
        chunk_seconds: float,
        speech_batch_size: int | None = None,
        speech_bounds: SpeechBounds = USUAL_BOUNDS,
        scope: Scope = Scope(),
    ) -> "WhisperTranscriber":
        """Load the CTranslate2 model in directory `source`; nothing is downloaded.

        Args:
            device: "cpu" or "cuda".
            compute_type: CTranslate2's name of the number format, such as int8 or float16.
            cpu_threads: threads on CPU; 0 takes every core.
            chunk_seconds: longest stretch of speech that is decoded at once.
            speech_batch_size: windows in which speech is looked for together; None: as many as suit `device`.
            speech_bounds: where speech begins and ends, if a request does not say.
            scope: what may be asked of it.
        """
        model = WhisperModel(
            str(source),
            device=device,
            compute_type=compute_type,
            cpu_threads=cpu_threads or torch.get_num_threads(),
            local_files_only=True,
        )
        if not model.model.is_multilingual:
            scope = replace(scope, abilities=Abilities(english_only=True, translates=False))
        voice_activity = VoiceActivity.load(device, speech_batch_size)
        return cls(
            model,
            voice_activity,
            batch_size=batch_size,
            chunk_seconds=chunk_seconds,
            speech_bounds=speech_bounds,
            scope=scope,
        )

    def with_batch_size(self, batch_size: int) -> "WhisperTranscriber":
        """Return a view over the same weights that decodes `batch_size` chunks at a time.

        Where that is fewer than before, speech is looked for in as much smaller batches.
        """
        share = min(1.0, batch_size / self._batch_size)
        return WhisperTranscriber(
            self._model,
            self._voice_activity.with_smaller_batches(share),
            batch_size=batch_size,
            chunk_seconds=self._chunk_seconds,
            speech_bounds=self._bounds,
            scope=self._scope,
            decoder=self._decoder,
        )

    @property
    def decoder(self) -> RowDecoder:
        """What decodes its chunks."""
        return self._decoder

    @property
    def voice_activity(self) -> VoiceActivity:
        """What finds the speech."""
        return self._voice_activity

    def with_decoder(self, decoder: RowDecoder) -> "WhisperTranscriber":
        """Return a view that decodes by `decoder`, which works on the same weights."""
        view = copy(self)
        view._decoder = decoder
        return view

    def close(self) -> None:
        """Free the weights; no view may be used afterwards."""
        self._model.model.unload_model()

    def transcribe(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        """Return the text of `waveform` (samples,) at 16 kHz in chunks of speech, in order of time.

        If text is wanted soon, speech is looked for and decoded by turns, so that the first comes early;
        a language that has to be detected is then judged by the first stretch alone.

        Raises:
            BadParameter: the model was not trained to do it.
            EngineFailed: the engine broke in an unforeseen way.
        """
        scope = self._scope
        scope.abilities.check(scope.name, language=request.language, task=request.task)
        with engine_errors(Stage.TRANSCRIBE.noun):
            hearing = self._hearing(waveform, checkpoint)
            decoding = self._decoding(waveform, request, checkpoint, tell, hearing.encoded)
            guess = LanguageGuess(request.language, 1.0) if request.language else None
            languages: Languages | None = None
            segments: list[Segment] = []
            for chunks in self._speech(waveform, request, checkpoint, tell):
                guess = guess or self._guess(hearing, chunks, request.languages)
                languages = languages or self._languages(request, guess.code)
                segments += decoding.segments(chunks, languages)
            guess = guess or LanguageGuess(UNDETERMINED, 0.0)
            return _transcription(segments, guess, request)

    def time_words(
        self, waveform: Waveform, segments: tuple[Segment, ...], task: str, checkpoint: Checkpoint
    ) -> tuple[Segment, ...]:
        """Return `segments`, as they were transcribed, split into sentences whose words carry times.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """
        with engine_errors(Stage.ALIGN.noun):
            decoding = self._decoding(waveform, TranscriptionRequest(task, times_words=always), checkpoint)
            timed = decoding.read_out_again(segments)
            return tuple(
                sentence for segment in timed for sentence in sentences_of(segment, _written(segment, task))
            )

    def recognise_and_place(
        self, waveform: Waveform, request: TranscriptionRequest, text: GivenText, checkpoint: Checkpoint
    ) -> PlacedText:
        """Return the words of `text` with the times of those that are recognised in their place.

        Raises what `transcribe` raises.
        """
        heard = self.transcribe(waveform, replace(request, times_words=always), checkpoint)
        with engine_errors(Stage.ALIGN.noun):
            recognised = [word for segment in heard.segments for word in segment.words or ()]
            pieces = pieces_of(text, SentenceSplitter(heard.language))
            return place_by_words(pieces, recognised, spaced=heard.language not in LANGUAGES_WITHOUT_SPACES)

    def find_speech(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        """Return the chunks of speech of `waveform` (samples,), with empty texts, and the language.

        Raises:
            BadParameter: the model was not trained on the language.
            EngineFailed: the engine broke in an unforeseen way.
        """
        self._scope.abilities.check(self._scope.name, language=request.language, task=request.task)
        with engine_errors("voice activity detection"):
            found = self._speech(waveform, request, checkpoint, tell)
            chunks = [chunk for stretch in found for chunk in stretch]
            guess = LanguageGuess(request.language, 1.0) if request.language else None
            guess = guess or self._guess(self._hearing(waveform, checkpoint), chunks, request.languages)
            speech = tuple(segment_of(chunk, len(waveform) / SAMPLE_RATE) for chunk in chunks)
            return Transcription(speech, guess.code, guess.passed_over)

    def detect_language(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageGuess:
        """Return the most probable spoken language of `waveform` (samples,), heard in its first speech.

        UNDETERMINED where nobody speaks.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """
        with engine_errors("language detection"):
            for start in range(0, len(waveform), _DETECTION_WINDOW):
                window = waveform[start : start + _DETECTION_WINDOW]
                chunks = self._voice_activity.chunks(window, self._chunk_seconds, checkpoint, self._bounds)
                if chunks:
                    return self._guess(self._hearing(window, checkpoint), chunks)
            return LanguageGuess(UNDETERMINED, 0.0)

    def _speech(
        self, waveform: Waveform, request: TranscriptionRequest, checkpoint: Checkpoint, tell: Listener
    ) -> Iterator[list[Chunk]]:
        """Yield the chunks of speech, no list of them empty: all at once, or `soon`, as they are found."""
        ears = self._voice_activity
        bounds = self._bounds.changed(request.vad_onset, request.vad_offset, request.vad_pad)
        asked = waveform, self._chunk_seconds, checkpoint, bounds, request.speech
        advance = advance_of(Stage.TRANSCRIBE, tell, end=SPEECH_SHARE)
        for chunks in ears.chunks_as_found(*asked) if request.soon else [ears.chunks(*asked, advance)]:
            return_freed_memory()
            checkpoint()
            if chunks:
                yield chunks

    def _hearing(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageDetection:
        return LanguageDetection(self._decoder, self._model.mels, waveform, checkpoint)

    def _decoding(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
        encoded: dict[float, Encoded] | None = None,
    ) -> ChunkDecoding:
        vocabulary = Vocabulary(self._model.hf_tokenizer, self._model.model.is_multilingual)
        return ChunkDecoding(
            self._decoder,
            vocabulary,
            self._model.mels,
            waveform,
            request,
            _search(request, vocabulary),
            self._batch_size,
            checkpoint,
            tell,
            {} if encoded is None else encoded,
            self._scope.guarded,
        )

    def _languages(self, request: TranscriptionRequest, main: str) -> Languages:
        """Return what tells the language of each chunk: the one that was given, or heard for each passage."""
        if request.language or self._scope.abilities.english_only:
            return lambda chunks, _sounds: [(chunk, main) for chunk in chunks]
        return Passages(self._decoder, main, request.languages or self._scope.languages).of

    def _guess(
        self, hearing: LanguageDetection, chunks: Sequence[Chunk], candidates: Sequence[str] = ()
    ) -> LanguageGuess:
        """Return the likeliest language, of `candidates` if there are any."""
        if chunks and self._scope.abilities.english_only:
            return LanguageGuess("en", 1.0)
        guess = hearing.guess(chunks, candidates or self._scope.languages)
        return replace(guess, passed_over=None) if candidates else guess


def _transcription(
    segments: Sequence[Segment], guess: LanguageGuess, request: TranscriptionRequest
) -> Transcription:
    """Return the answer: what has no text is left out, what the decoder has timed is cut into sentences."""
    spoken = [segment for segment in segments if segment.text]
    shares = language_shares((each.language or guess.code, each.end - each.start) for each in spoken)
    language = next(iter(shares), request.language or UNDETERMINED)
    return Transcription(
        tuple(
            sentence
            for segment in spoken
            for sentence in (
                sentences_of(segment, _written(segment, request.task))
                if request.times_words(segment.language or UNDETERMINED)
                else (segment,)
            )
        ),
        language,
        guess.passed_over if language == guess.code else None,
        tuple(
            (segment.start, segment.end)
            for segment in segments
            if not segment.text and segment.decoding and segment.decoding.tokens
        ),
    )


def _search(request: TranscriptionRequest, vocabulary: Vocabulary) -> Search:
    suppressed = numeral_tokens(vocabulary.tokenizer("en")) if request.suppress_numerals else ()
    return Search(request.temperature, request.beam_size, suppressed=suppressed)


def _written(segment: Segment, task: str) -> str:
    """Return the language of the text of `segment`."""
    return "en" if task == "translate" else segment.language or UNDETERMINED
