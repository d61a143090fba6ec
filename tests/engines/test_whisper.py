"""Transcription by the real engine: words, language, times, prompts, and what does not leak."""

import json
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.audio.waveform import Waveform
from app.composition import build_loader, build_plan
from app.engines.interfaces import Transcription, TranscriptionRequest
from app.engines.platform.libraries import whisper_tokenizer, whisperx_asr
from app.engines.whisper.batched_decoding import SPEECH_SHARE
from app.engines.whisper.features import features_of
from app.engines.whisper.generation import DirectDecoder
from app.engines.whisper.model import WhisperModel
from app.engines.whisper.prompt import prompt_tokens
from app.engines.whisper.rows import Decoded, Encoded, Features, Reading, Row, Window
from app.engines.whisper.transcriber import Scope, WhisperTranscriber
from app.engines.whisper.voice_activity import VoiceActivity
from app.errors import BadParameter, ClientLeft
from app.events import ChunkDecoded, Event, StageAdvanced
from app.models.model_spec import Abilities, ModelSpec
from app.settings.schema import Settings
from app.transcript import LanguageGuess
from tests.engines.conftest import DATA, DEMO, nothing, recordings, samples_of, truth_of
from tests.truth import compare

Heard = Callable[[Path], Transcription]


def words_of(text: str) -> list[dict[str, Any]]:
    return [{"word": word} for word in text.split()]


def word_error_rate(pairs: list[tuple[str, str]]) -> float:
    """Errors over words of all (true text, heard text) together."""
    compared = [compare(words_of(true), words_of(said)) for true, said in pairs]
    return sum(each.errors for each in compared) / sum(each.total for each in compared)


def text_of(transcription: Transcription) -> str:
    return " ".join(segment.text for segment in transcription.segments)


def test_english_conversations_are_heard_word_for_word(heard: Heard) -> None:
    paths = recordings("conversation-en-*")
    assert word_error_rate([(truth_of(path)["text"], text_of(heard(path))) for path in paths]) <= 0.06


def test_a_german_conversation_is_heard_word_for_word(heard: Heard) -> None:
    (path,) = recordings("conversation-de")
    assert word_error_rate([(truth_of(path)["text"], text_of(heard(path)))]) <= 0.08


def test_the_language_of_every_recording_is_found(heard: Heard) -> None:
    found = {path.stem: heard(path).language for path in recordings("[cs]*-[de][ne]*")}
    assert found == {stem: "de" if "-de" in stem else "en" for stem in found}


def test_the_language_is_told_with_its_probability(transcriber: WhisperTranscriber) -> None:
    for code in ("en", "de"):
        guess = transcriber.detect_language(samples_of(recordings(f"sentence-{code}-*")[0]), nothing)
        assert guess.code == code
        assert 0.5 < guess.confidence <= 1.0


def test_the_language_is_found_after_a_long_silence(transcriber: WhisperTranscriber) -> None:
    silence = np.zeros(40 * 16000, np.int16)
    (path,) = recordings("conversation-de")
    guess = transcriber.detect_language(np.concatenate([silence, samples_of(path)]), nothing)
    assert guess.code == "de"


@pytest.mark.parametrize(
    ("allowed", "code", "passed_over"),
    [(("en",), "en", "de"), (("en", "de"), "de", None), (("fr",), "fr", "de")],
)
def test_only_allowed_languages_are_detected_and_a_likelier_is_told(
    allowed: tuple[str, ...], code: str, passed_over: str | None
) -> None:
    german = samples_of(recordings("sentence-de-*")[0])
    narrow = load_transcriber(Scope(languages=allowed)).with_batch_size(2)
    guess = narrow.detect_language(german, nothing)
    assert (guess.code, guess.passed_over) == (code, passed_over)
    transcription = narrow.transcribe(german, TranscriptionRequest(), nothing)
    assert (transcription.language, transcription.passed_over) == (code, passed_over)


def test_an_english_only_model_hears_english() -> None:
    german = samples_of(recordings("sentence-de-*")[0])
    english = load_transcriber(Scope(abilities=Abilities(english_only=True)))
    assert english.transcribe(german, TranscriptionRequest(), nothing).language == "en"


def load_transcriber(scope: Scope) -> WhisperTranscriber:
    return WhisperTranscriber.load(
        DEMO / "whisper",
        device="cpu",
        compute_type="int8",
        batch_size=4,
        cpu_threads=0,
        chunk_seconds=10.0,
        scope=scope,
    )


def test_a_model_that_turns_out_english_only_when_it_is_loaded_refuses_the_rest(tmp_path: Path) -> None:
    source = Path(shutil.copytree(DEMO / "whisper", tmp_path / "mine"))
    tokens = json.loads((source / "vocabulary.json").read_text(encoding="utf-8"))
    (source / "vocabulary.json").write_text(
        json.dumps([token for token in tokens if token]), encoding="utf-8"
    )
    settings = Settings(_env_file=None, device="cpu", cache_dir=tmp_path)
    loader = build_loader(settings, build_plan(settings), show_progress=False)
    loaded = loader.transcriber(ModelSpec("mine", str(source)), "cpu")
    try:
        for request in (TranscriptionRequest(language="de"), TranscriptionRequest(task="translate")):
            with pytest.raises(BadParameter, match="mine"):
                loaded.engine.transcribe(np.zeros(16000, np.int16), request, nothing)
        english = samples_of(recordings("sentence-en-*")[0])
        assert loaded.engine.detect_language(english, nothing).code == "en"
    finally:
        loaded.close()


def test_a_language_that_is_given_is_not_guessed(transcriber: WhisperTranscriber) -> None:
    german = samples_of(recordings("sentence-de-*")[0])
    transcription = transcriber.transcribe(german, TranscriptionRequest(language="en"), nothing)
    assert transcription.language == "en"


def test_translation_gives_english_and_the_language_that_was_spoken(transcriber: WhisperTranscriber) -> None:
    listed = json.loads((DATA / "translation.json").read_text(encoding="utf-8"))
    request = TranscriptionRequest(task="translate")
    heard = [transcriber.transcribe(samples_of(DATA / each["file"]), request, nothing) for each in listed]
    assert {each.language for each in heard} == {"de"}
    pairs = [(each["english"], text_of(said)) for each, said in zip(listed, heard, strict=True)]
    assert word_error_rate(pairs) <= 0.25


def test_every_spoken_word_lies_inside_a_segment(heard: Heard) -> None:
    for path in recordings("conversation-*"):
        spans = [(segment.start - 0.3, segment.end + 0.3) for segment in heard(path).segments]
        for word in truth_of(path)["words"]:
            middle = (word["start"] + word["end"]) / 2
            assert any(start <= middle <= end for start, end in spans), (path.stem, word)


def test_segments_follow_each_other_within_the_recording(heard: Heard) -> None:
    for path in recordings("conversation-*"):
        segments = heard(path).segments
        edges = [edge for segment in segments for edge in (segment.start, segment.end)]
        assert edges == sorted(edges)
        assert edges[0] >= 0
        assert edges[-1] <= truth_of(path)["duration"]


def test_segments_say_how_sure_the_decoder_was(heard: Heard) -> None:
    for segment in heard(recordings("conversation-en-*")[0]).segments:
        assert segment.avg_logprob is not None
        assert math.isfinite(segment.avg_logprob)
        assert segment.avg_logprob < 0


def test_nothing_is_heard_in_silence_between_two_sentences(heard: Heard) -> None:
    (path,) = recordings("long-silence")
    first, second = truth_of(path)["turns"]
    segments = heard(path).segments
    assert not [s for s in segments if s.start > first["end"] + 1 and s.end < second["start"] - 1]
    assert segments[0].end < second["start"]
    assert segments[-1].start > first["end"]


def noise_of(level: float) -> Waveform:
    return np.random.default_rng(2).normal(0, 32768 * level, 10 * 16000).clip(-32768, 32767).astype(np.int16)


TONE = np.round(8000 * np.sin(2 * np.pi * 440 * np.arange(10 * 16000) / 16000)).astype(np.int16)


@pytest.mark.parametrize(
    "sound",
    [np.zeros(samples, np.int16) for samples in (0, 10, 320, 1000, 1600, 48000)]
    + [TONE, TONE // 100, noise_of(0.05), noise_of(0.0005)],
    ids=lambda sound: f"{len(sound)} samples, loudest {np.abs(sound).max(initial=0)}",
)
def test_where_nobody_speaks_nothing_is_heard(transcriber: WhisperTranscriber, sound: Waveform) -> None:
    assert transcriber.transcribe(sound, TranscriptionRequest(), nothing) == Transcription((), "und")
    given = transcriber.transcribe(sound, TranscriptionRequest(language="de"), nothing)
    assert given == Transcription((), "de")
    assert transcriber.detect_language(sound, nothing) == LanguageGuess("und", 0.0)


def decibels_down(sound: Waveform, decibels: float) -> Waveform:
    return np.round(sound * 10 ** (-decibels / 20)).astype(np.int16)


def errors_in(transcriber: WhisperTranscriber, sound: Waveform, truth: dict[str, Any]) -> int:
    request = TranscriptionRequest(language=truth["language"])
    said = text_of(transcriber.transcribe(sound, request, nothing))
    return compare(words_of(truth["text"]), words_of(said)).errors


def errors_heard(heard: Heard, path: Path) -> int:
    """The errors in the recording as it is."""
    return compare(words_of(truth_of(path)["text"]), words_of(text_of(heard(path)))).errors


@pytest.mark.parametrize("decibels", [20, 26])
@pytest.mark.parametrize("speaker", ["SPEAKER_00", "SPEAKER_01"])
def test_a_speaker_much_quieter_than_the_other_keeps_every_word(
    transcriber: WhisperTranscriber, heard: Heard, speaker: str, decibels: float
) -> None:
    path = recordings("conversation-en-2-voices-1")[0]
    sound, truth = samples_of(path).copy(), truth_of(path)
    for turn in truth["turns"]:
        if turn["speaker"] == speaker:
            span = slice(max(0, int(16000 * (turn["start"] - 0.05))), int(16000 * (turn["end"] + 0.05)))
            sound[span] = decibels_down(sound[span], decibels)
    assert errors_in(transcriber, sound, truth) <= errors_heard(heard, path)


@pytest.mark.parametrize("decibels", [20, 40])
def test_a_quiet_recording_keeps_every_word(
    transcriber: WhisperTranscriber, heard: Heard, decibels: float
) -> None:
    path = recordings("conversation-en-2-voices-1")[0]
    quiet = decibels_down(samples_of(path), decibels)
    assert errors_in(transcriber, quiet, truth_of(path)) <= errors_heard(heard, path) + 1


def test_speech_in_the_first_and_last_sample_keeps_every_word(
    transcriber: WhisperTranscriber, heard: Heard
) -> None:
    cut, whole = 0, 0
    for path in [*recordings("sentence-*"), *recordings("translation-?")]:
        sound, truth = samples_of(path), truth_of(path)
        start, end = (int(16000 * edge) for edge in (truth["words"][0]["start"], truth["words"][-1]["end"]))
        cut += errors_in(transcriber, sound[start:end], truth)
        whole += errors_heard(heard, path)
    assert cut <= whole


def test_the_language_of_most_of_the_speech_wins_wherever_it_stands(transcriber: WhisperTranscriber) -> None:
    english = samples_of(recordings("conversation-en-3-voices-1")[0])[: 10 * 16000]
    (path,) = recordings("conversation-de")
    german = samples_of(path)
    assert transcriber.detect_language(np.concatenate([german, english]), nothing).code == "de"
    german_last = np.concatenate([english, german])
    assert transcriber.transcribe(german_last, TranscriptionRequest(), nothing).language == "de"
    mostly_english = np.concatenate([german[: 10 * 16000], english, english, english])
    assert transcriber.detect_language(mostly_english, nothing).code == "en"


def test_the_batch_size_does_not_change_the_text(transcriber: WhisperTranscriber, heard: Heard) -> None:
    path = recordings("conversation-en-*")[0]
    alone = transcriber.with_batch_size(1).transcribe(samples_of(path), TranscriptionRequest(), nothing)
    assert [s.text for s in alone.segments] == [s.text for s in heard(path).segments]


class Leaving:
    """A checkpoint at which the client is found to have left when it is passed for the third time."""

    def __init__(self) -> None:
        self.passed = 0

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == 3:
            raise ClientLeft


def test_work_stops_at_the_next_batch_when_the_client_leaves(transcriber: WhisperTranscriber) -> None:
    leaving = Leaving()
    with pytest.raises(ClientLeft):
        transcriber.with_batch_size(1).transcribe(
            samples_of(recordings("conversation-en-*")[0]), TranscriptionRequest(language="en"), leaving
        )
    assert leaving.passed == 3


def test_the_search_for_speech_whose_language_is_asked_stops_too(transcriber: WhisperTranscriber) -> None:
    leaving = Leaving()
    with pytest.raises(ClientLeft):
        transcriber.detect_language(np.zeros(200 * 16000, np.int16), leaving)
    assert leaving.passed == 3


def test_chunks_encoded_one_by_one_give_what_whisperx_gives_for_all_at_once() -> None:
    ours = WhisperModel(str(DEMO / "whisper"), device="cpu", compute_type="int8")
    noise = np.random.default_rng(3).normal(size=(3, 80, 3000)).astype(np.float32)
    together = np.asarray(whisperx_asr.WhisperModel.encode(ours, noise))
    one_by_one = np.asarray(ours.encode(noise))
    assert one_by_one.shape == together.shape
    np.testing.assert_allclose(one_by_one, together, atol=1e-5)
    assert np.abs(one_by_one[0] - one_by_one[1]).max() > 0.01


def test_rows_of_different_prompts_may_be_handed_over_together_and_come_out_as_alone(
    model: WhisperModel,
) -> None:
    """Languages, tasks, earlier text of any length, temperatures and orders: each row gets its own text."""
    decoder = DirectDecoder(model)
    whole = {"start": 0.0, "end": 9.0, "segments": [], "speech": []}
    names = ("sentence-en-*", "sentence-de-*", "translation-?")
    paths = [recordings(name)[0] for name in names]
    sounds = decoder.encode([features_of(samples_of(path), whole, model.mels) for path in paths])
    rows = [
        Row(sounds[place], prompt_tokens(tokenizer_of(model, language, task), earlier, None))
        for place, language, task, earlier in (
            (0, "en", "transcribe", None),
            (1, "de", "transcribe", None),
            (2, "de", "translate", None),
            (0, "en", "transcribe", "We talk about the budget"),
            (2, "de", "transcribe", "Berlin"),
        )
    ]
    alone = [decoder.decode([row])[0].tokens for row in rows]
    assert len(set(alone)) >= 4
    assert [each.tokens for each in decoder.decode(rows)] == alone
    assert [each.tokens for each in decoder.decode(rows[::-1])] == alone[::-1]


def tokenizer_of(model: WhisperModel, language: str, task: str) -> Any:
    return whisper_tokenizer.Tokenizer(model.hf_tokenizer, True, task=task, language=language)


class Listening:
    """The real decoder, with what precedes each row written down."""

    def __init__(self, model: WhisperModel) -> None:
        self.model = model
        self.direct = DirectDecoder(model)
        self.prompts: list[str] = []

    def encode(self, features: Sequence[Features]) -> list[Encoded]:
        return self.direct.encode(features)

    def languages(self, windows: Sequence[Window]) -> list[Mapping[str, float]]:
        return self.direct.languages(windows)

    def read_out(self, rows: Sequence[Row], written: Sequence[Sequence[int]]) -> list[Reading]:
        return self.direct.read_out(rows, written)

    def decode(self, rows: Sequence[Row]) -> list[Decoded]:
        self.prompts += self.model.hf_tokenizer.decode_batch(
            [list(row.prompt) for row in rows], skip_special_tokens=False
        )
        return self.direct.decode(rows)


@pytest.fixture(scope="module")
def model() -> WhisperModel:
    return WhisperModel(str(DEMO / "whisper"), device="cpu", compute_type="int8")


@pytest.fixture
def listening(model: WhisperModel) -> Listening:
    return Listening(model)


@pytest.fixture
def listener(listening: Listening) -> WhisperTranscriber:
    return WhisperTranscriber(
        listening.model, VoiceActivity.load("cpu"), batch_size=4, chunk_seconds=10.0, decoder=listening
    )


SENTENCE = "sentence-en-*"


def test_prompt_hotwords_language_and_task_reach_the_decoder(
    listener: WhisperTranscriber, listening: Listening
) -> None:
    request = TranscriptionRequest(
        "translate", "de", initial_prompt="We talk about the budget", hotwords="Munich"
    )
    listener.transcribe(samples_of(recordings(SENTENCE)[0]), request, nothing)
    (prompt,) = listening.prompts
    assert "Munich" in prompt
    assert "We talk about the budget" in prompt
    assert "<|de|>" in prompt
    assert "<|translate|>" in prompt


def test_nothing_of_a_request_reaches_the_next(listener: WhisperTranscriber, listening: Listening) -> None:
    sound = samples_of(recordings(SENTENCE)[0])
    listener.transcribe(sound, TranscriptionRequest(language="en", initial_prompt="Munich budget"), nothing)
    listener.transcribe(sound, TranscriptionRequest(language="de"), nothing)
    assert "Munich" not in listening.prompts[1]
    assert "<|en|>" not in listening.prompts[1]


def test_requests_side_by_side_keep_their_own_prompts(
    listener: WhisperTranscriber, listening: Listening
) -> None:
    names = ["Munich", "Paris", "Vienna", "Hamburg", "Berlin", "London"]
    sound = samples_of(recordings(SENTENCE)[0])

    def transcribe(name: str) -> Transcription:
        return listener.transcribe(sound, TranscriptionRequest(language="en", hotwords=name), nothing)

    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(transcribe, names))
    found = sorted(name for prompt in listening.prompts for name in names if name in prompt)
    assert len(listening.prompts) == len(names)
    assert found == sorted(names)


def test_prompts_longer_than_the_context_are_cut_not_refused(transcriber: WhisperTranscriber) -> None:
    request = TranscriptionRequest(
        language="en", initial_prompt="budget " * 2000, hotwords="Munich, Hamburg, " * 900
    )
    transcriber.transcribe(samples_of(recordings(SENTENCE)[0]), request, nothing)


def meeting_samples() -> Any:
    return samples_of(DEMO / "meeting.flac")


def test_the_first_chunks_are_told_of_long_before_the_last_is_decoded(
    transcriber: WhisperTranscriber,
) -> None:
    told: list[ChunkDecoded] = []
    looked_for_speech = 0

    def count() -> None:
        nonlocal looked_for_speech
        looked_for_speech += not told

    request = TranscriptionRequest(language="en", soon=True, beam_size=1)
    samples = np.tile(meeting_samples(), 3)
    answer = transcriber.transcribe(samples, request, count, told.append)  # type: ignore[arg-type]
    assert [event.number for event in told] == list(range(len(told)))
    assert [event.segment for event in told if event.segment.text] == list(answer.segments)
    in_all = 0

    def count_all() -> None:
        nonlocal in_all
        in_all += 1

    on_the_way: list[Event] = []
    request = TranscriptionRequest(language="en", beam_size=1)
    assert answer == transcriber.transcribe(samples, request, count_all, on_the_way.append)
    assert looked_for_speech < 0.4 * in_all
    fractions = [event.fraction for event in on_the_way if isinstance(event, StageAdvanced)]
    assert fractions == sorted(fractions)
    assert fractions[0] < SPEECH_SHARE < fractions[-2] < fractions[-1] == 1
    assert [event.segment for event in on_the_way if isinstance(event, ChunkDecoded)] == [
        event.segment for event in told
    ]


def test_how_a_segment_was_decoded_is_known_each_token_where_asked_for(
    transcriber: WhisperTranscriber,
) -> None:
    samples = meeting_samples()[: 20 * 16000]
    plain = transcriber.transcribe(samples, TranscriptionRequest(language="en"), nothing)
    asked = TranscriptionRequest(language="en", token_logprobs=True)
    detailed = transcriber.transcribe(samples, asked, nothing)
    assert [segment.text for segment in detailed.segments] == [segment.text for segment in plain.segments]
    plainly = [segment.decoding for segment in plain.segments]
    assert {token.logprob for decoding in plainly if decoding for token in decoding.tokens} == {None}
    for segment in detailed.segments:
        decoding = segment.decoding
        assert decoding is not None
        assert b"".join(token.text for token in decoding.tokens).decode().strip() == segment.text
        assert 0 <= decoding.no_speech_prob < 0.5
        logprobs = [token.logprob for token in decoding.tokens]
        assert all(logprob is not None and -10 < logprob <= 0 for logprob in logprobs)
        assert np.mean(logprobs) == pytest.approx(segment.avg_logprob, abs=0.2)


def test_silence_is_told_from_speech_by_the_decoder_itself(transcriber: WhisperTranscriber) -> None:
    """The probability of no speech is the model's, not a zero: noise has a higher one than speech."""
    asked = TranscriptionRequest(language="en")
    (speech, *_) = transcriber.transcribe(meeting_samples()[: 5 * 16000], asked, nothing).segments
    assert speech.decoding is not None
    assert speech.decoding.no_speech_prob > 0


def test_a_temperature_draws_other_words_now_and_then(transcriber: WhisperTranscriber) -> None:
    samples = meeting_samples()[: 10 * 16000]
    hot = TranscriptionRequest(language="en", temperature=1.0)
    answers = [transcriber.transcribe(samples, hot, nothing) for _ in range(3)]
    cold = transcriber.transcribe(samples, TranscriptionRequest(language="en"), nothing)
    decodings = [segment.decoding for answer in answers for segment in answer.segments]
    assert {decoding.temperature for decoding in decodings if decoding} == {1.0}
    scores = {segment.avg_logprob for answer in (*answers, cold) for segment in answer.segments}
    assert len(scores) > len(cold.segments), "each time the same words with the same score"


@pytest.mark.parametrize(("candidates", "code"), [(("en", "fr"), "en"), (("en", "de"), "de")])
def test_the_language_is_looked_for_among_candidates(
    transcriber: WhisperTranscriber, candidates: tuple[str, ...], code: str
) -> None:
    german = samples_of(recordings("sentence-de-*")[0])
    answer = transcriber.transcribe(german, TranscriptionRequest(languages=candidates), nothing)
    assert (answer.language, answer.passed_over) == (code, None)
