"""What real Whisper weights make of real people, real music and noise: a little of `make speech-bench`."""

from benchmarks.speech import sets
from benchmarks.speech.figures import figures
from benchmarks.speech.recordings import SpeechSet
from benchmarks.speech.run import measure
from benchmarks.speech.sets import Source
from benchmarks.speech.systems import Ours


def figures_of(system: Ours, asked: SpeechSet) -> dict[str, float]:
    return figures(asked.measures, measure(system, asked)["sums"])


def test_a_telephone_talk_is_written_down_by_a_model_that_knows_english_alone(
    tiny_en: Ours, source: Source
) -> None:
    assert figures_of(tiny_en, sets.telephone(source))["word error rate, %"] <= 25


def test_dutch_dialogue_is_written_down(base: Ours, source: Source) -> None:
    assert figures_of(base, sets.dutch(source))["word error rate, %"] <= 55


def test_music_noise_and_silence_give_no_words(base: Ours, source: Source) -> None:
    found = figures_of(base, sets.nothing(source))
    assert found["invented words a minute"] <= 0.2
    assert found["phantom languages"] == 0


def test_the_language_of_a_short_prompt_is_known(base: Ours, source: Source) -> None:
    assert figures_of(base, sets.short_prompts(source))["right language, %"] >= 80
