"""Options mean what people write, in either place, and what contradicts itself is refused."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.errors import BadParameter, ParameterConflict, UnknownModel
from app.models.model_spec import ModelSpec
from app.options.asr_options import OPTION_ALIASES, AsrOptions
from app.options.languages import LANGUAGES, language_code
from app.options.parsing import OPTION_CHOICES, OptionReader, ParsedOptions

MODELS = {None: "large-v3", "large-v3": "large-v3", "whisper-1": "large-v3", "demo": "demo"}


def resolve_model(name: str | None) -> ModelSpec:
    if name not in MODELS:
        raise UnknownModel(str(name), [known for known in MODELS if known])
    return ModelSpec(MODELS[name], "owner/name")


def pairs_of(written: str) -> list[tuple[str, str]]:
    """Return options written as name=value, separated by |."""
    return [(pair.partition("=")[0], pair.partition("=")[2]) for pair in written.split("|") if pair]


def parsed(query: str = "", form: str = "") -> ParsedOptions[ModelSpec]:
    """Read options written as name=value, separated by |."""
    reader = OptionReader(resolve_model)
    reader.read_query(pairs_of(query))
    return reader.read_form(pairs_of(form))


def test_defaults_are_those_of_the_contract() -> None:
    assert parsed() == ParsedOptions(AsrOptions(model="large-v3"), resolve_model(None))
    assert AsrOptions().model_dump() == {
        "task": "transcribe",
        "language": None,
        "model": None,
        "output_format": "json",
        "word_timestamps": True,
        "align": "auto",
        "diarize": True,
        "num_speakers": None,
        "min_speakers": None,
        "max_speakers": None,
        "initial_prompt": None,
        "hotwords": None,
        "transcript": None,
        "temperature": 0.0,
        "beam_size": 5,
        "suppress_numerals": False,
        "verbatim": False,
        "vad_onset": None,
        "vad_offset": None,
        "vad_pad": None,
        "return_speaker_embeddings": False,
        "encode": True,
        "start": None,
        "duration": None,
        "offset_times": True,
        "audio_track": None,
        "channels": "mix",
        "channel_names": None,
        "split_speakers": True,
        "fill_nearest": True,
        "max_line_width": None,
        "max_line_count": None,
        "highlight_words": False,
        "max_cue_seconds": None,
        "min_cue_seconds": None,
        "stream": False,
    }


@pytest.mark.parametrize(
    ("written", "option", "value"),
    [
        ("task=Translate", "task", "translate"),
        ("language=DE", "language", "de"),
        ("language=German", "language", "de"),
        ("language=auto", "language", None),
        ("language=pt-BR", "language", "pt"),
        ("language=jv", "language", "jw"),
        ("language=eng", "language", "en"),
        ("language=GER", "language", "de"),
        ("language=deu", "language", "de"),
        ("language=zho", "language", "zh"),
        ("language=zh-yue", "language", "yue"),
        ("language=fil-PH", "language", "tl"),
        ("language=de_DE.UTF-8", "language", "de"),
        ("language=Chinese (Taiwan)", "language", "zh"),
        ("language=zh-Hant-TW", "language", "zh-hant"),
        ("language=Simplified Chinese", "language", "zh-hans"),
        ("start=90", "start", 90.0),
        ("start=1:30.5", "start", 90.5),
        ("start=01:02:03.004", "start", 3723.004),
        ("duration= 0:05 ", "duration", 5.0),
        ("audio_track=2", "audio_track", "2"),
        ("beam_size=10", "beam_size", 10),
        ("max_cue_seconds=2.5", "max_cue_seconds", 2.5),
        ("language=haitian_creole", "language", "ht"),
        ("language=Norwegian Bokmål", "language", "no"),
        ("language=Haitian Creole", "language", "ht"),
        ("model=whisper-1", "model", "large-v3"),
        ("output_format=SRT", "output_format", "srt"),
        ("output=txt", "output_format", "text"),
        ("word_timestamps=no", "word_timestamps", False),
        ("diarize=OFF", "diarize", False),
        ("enable_diarization=0", "diarize", False),
        ("num_speakers= 3 ", "num_speakers", 3),
        ("min_speakers=1", "min_speakers", 1),
        ("vad_onset=0.3|vad_offset=0.3", "vad_onset", 0.3),
        ("vad_offset=.01", "vad_offset", 0.01),
        ("vad_pad=0", "vad_pad", 0.0),
        ("max_speakers=32", "max_speakers", 32),
        ("initial_prompt= Minutes\nof  Helsinki ", "initial_prompt", "Minutes of Helsinki"),
        ("hotwords=Speakr, pyannote", "hotwords", "Speakr, pyannote"),
        ("return_speaker_embeddings=yes", "return_speaker_embeddings", True),
        ("encode=False", "encode", False),
        ("split_speakers=f", "split_speakers", False),
        ("fill_nearest=n", "fill_nearest", False),
        ("max_line_width=42", "max_line_width", 42),
        ("max_line_count=+2", "max_line_count", 2),
        ("highlight_words=on", "highlight_words", True),
    ],
)
def test_every_option_is_read_from_query_and_form(written: str, option: str, value: object) -> None:
    assert getattr(parsed(query=written).options, option) == value
    assert getattr(parsed(form=written).options, option) == value


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "1", "yes", "Yes", "on", "y", "t", " true "])
def test_people_write_yes_in_many_ways(text: str) -> None:
    assert parsed(f"highlight_words={text}").options.highlight_words is True


@pytest.mark.parametrize("text", ["false", "False", "0", "no", "NO", "off", "n", "f"])
def test_people_write_no_in_many_ways(text: str) -> None:
    assert parsed(f"diarize={text}").options.diarize is False


@pytest.mark.parametrize(
    ("written", "allowed"),
    [
        ("task=summarise", "one of transcribe, translate"),
        ("language=klingon", "auto, an English language name or one of af, am,"),
        ("output=xml", "one of json, text, srt, vtt, tsv"),
        ("output_format=json,srt", "one of json, text, srt, vtt, tsv"),
        ("diarize=maybe", "true or false"),
        ("enable_diarization=2", "true or false"),
        ("num_speakers=0", "a whole number from 1 to 32"),
        ("num_speakers=33", "a whole number from 1 to 32"),
        ("num_speakers=-1", "a whole number from 1 to 32"),
        ("num_speakers=2.0", "a whole number from 1 to 32"),
        ("num_speakers=２", "a whole number from 1 to 32"),
        ("num_speakers=1_0", "a whole number from 1 to 32"),
        ("num_speakers=" + "9" * 5000, "a whole number from 1 to 32"),
        ("max_line_width=0", "a whole number from 1 to 1000"),
        ("max_line_count=101", "a whole number from 1 to 100"),
        ("initial_prompt=a\0b", "text without control characters"),
        ("hotwords=a\ud800b", "text without control characters"),
        ("hotwords=" + "x" * 4001, "at most 4000 characters"),
        ("model=" + "x" * 201, "at most 200 characters"),
    ],
)
def test_a_bad_value_is_refused_by_name_value_and_choice(written: str, allowed: str) -> None:
    name, _, value = written.partition("=")
    with pytest.raises(BadParameter) as refusal:
        parsed(form=written)
    assert refusal.value.parameter == name
    assert refusal.value.value == value
    assert str(refusal.value).startswith(f"{name}: ")
    assert allowed in str(refusal.value)
    assert len(str(refusal.value)) < 700
    str(refusal.value).encode("utf-8")


def test_an_unknown_model_is_refused_with_the_list() -> None:
    with pytest.raises(UnknownModel, match="model not found: 'gpt-9'; use one of large-v3"):
        parsed("model=gpt-9")


@pytest.mark.parametrize(
    ("query", "form", "name"),
    [
        ("language=en", "language=de", "language"),
        ("language=auto", "language=de", "language"),
        ("language=en|language=de", "", "language"),
        ("output=srt", "output_format=vtt", "output_format"),
        ("diarize=true|enable_diarization=false", "", "diarize"),
        ("model=demo", "model=large-v3", "model"),
    ],
)
def test_different_values_for_one_option_are_refused(query: str, form: str, name: str) -> None:
    with pytest.raises(ParameterConflict) as refusal:
        parsed(query, form)
    assert refusal.value.parameter == name


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("language=en", "language=English"),
        ("output=txt", "output_format=text"),
        ("diarize=true|enable_diarization=1", ""),
        ("model=whisper-1", "model=large-v3"),
        ("language=en", "language="),
    ],
)
def test_the_same_value_twice_is_fine(query: str, form: str) -> None:
    assert parsed(query, form).warnings == ()


def test_an_empty_value_is_none() -> None:
    written = "|".join(f"{name}= " for name in AsrOptions.model_fields)
    assert parsed(written) == parsed()


@pytest.mark.parametrize("word", ["null", "None", "UNDEFINED"])
def test_what_programs_write_for_nothing_is_none(word: str) -> None:
    written = "|".join(f"{name}={word}" for name in AsrOptions.model_fields)
    got = parsed(written)
    assert got.options == parsed().options
    assert got.written == frozenset()
    assert got.warnings == (
        f"initial_prompt={word} was taken as unset",
        f"hotwords={word} was taken as unset",
        f"transcript={word} was taken as unset",
    )
    assert parsed(written, "language=de|num_speakers=2").options.num_speakers == 2


@pytest.mark.parametrize("word", ["und", "MUL", "mis", "zxx", "auto", "und-Latn", "unknown"])
def test_a_language_that_nobody_knows_is_detected(word: str) -> None:
    assert parsed(f"language={word}") == parsed("language=auto")
    assert parsed(f"language={word}").options.language is None


@pytest.mark.parametrize("word", ["auto", "und", "mul", "zxx", "null", "none", "undefined", " None "])
def test_the_same_words_leave_every_number_unset(word: str) -> None:
    numbers = [name for name, choice in OPTION_CHOICES.items() if choice.startswith("a whole number")]
    assert len(numbers) == 6
    assert parsed("diarize=false", "|".join(f"{name}={word}" for name in numbers)).warnings == ()


@pytest.mark.parametrize(
    ("text", "spoken", "candidates"),
    [
        ("de, English", None, ("de", "en")),
        ("de,de-AT", "de", ()),
        ("German,", "de", ()),
        ("auto", None, ()),
    ],
)
def test_several_languages_are_candidates(text: str, spoken: str | None, candidates: tuple[str, ...]) -> None:
    options = parsed(form=f"language={text}").options
    assert (options.spoken_language, options.candidate_languages) == (spoken, candidates)


@pytest.mark.parametrize("text", ["de,klingon", "de,auto", ","])
def test_one_unknown_language_among_several_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="language"):
        parsed(form=f"language={text}")


def test_a_language_that_is_not_allowed_is_as_unknown() -> None:
    for text in ("fr", "French", "klingon"):
        with pytest.raises(BadParameter, match=r"use auto, an English language name or one of en, de$"):
            OptionReader(resolve_model, ("en", "de")).read_query([("language", text)])
    german = OptionReader(resolve_model, ("en", "de")).read_form([("language", "German")])
    assert german.options.language == "de"


@pytest.mark.parametrize(
    "whole",
    [
        "encode=false|return_speaker_embeddings=true|diarize=true",
        "encode=false|num_speakers=2|diarize=true|output=json",
        "output=srt|highlight_words=true|max_line_width=30",
        "num_speakers=2|max_speakers=3|min_speakers=1",
    ],
)
def test_options_mean_the_same_however_they_are_split(whole: str) -> None:
    pairs = whole.split("|")
    for taken in range(2 ** len(pairs)):
        query = [pair for number, pair in enumerate(pairs) if taken >> number & 1]
        form = [pair for pair in pairs if pair not in query]
        got = parsed("|".join(query), "|".join(form))
        assert (got.options, set(got.warnings)) == (parsed(whole).options, set(parsed(whole).warnings))


@pytest.mark.parametrize(
    "part",
    [
        "task=sing",
        "model=gpt-9",
        "language=en|language=de",
        "min_speakers=3|max_speakers=2",
        "diarize=false|return_speaker_embeddings=true",
        "word_timestamps=false|highlight_words=true",
        "vad_onset=0.3|vad_offset=0.4",
        "vad_pad=3",
    ],
)
def test_what_one_part_alone_proves_wrong_is_refused_before_the_other_is_known(part: str) -> None:
    with pytest.raises((BadParameter, ParameterConflict, UnknownModel)):
        OptionReader(resolve_model).read_query(pairs_of(part))


def test_raw_pcm_is_not_diarized_unless_asked_for() -> None:
    assert parsed("encode=false").options.diarize is False
    assert parsed("encode=false|diarize=true").options.diarize is True
    assert parsed("encode=true").options.diarize is True


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("min_speakers=3|max_speakers=2", "min_speakers"),
        ("num_speakers=2|min_speakers=3|max_speakers=2", "min_speakers"),
        ("diarize=false|return_speaker_embeddings=true", "return_speaker_embeddings"),
        ("encode=false|return_speaker_embeddings=true", "return_speaker_embeddings"),
        ("word_timestamps=false|highlight_words=true|output=srt", "highlight_words"),
        ("task=translate|align=wav2vec2", "align"),
        ("vad_offset=0.4|vad_onset=0.3", "vad_offset"),
    ],
)
def test_contradictions_are_refused(written: str, name: str) -> None:
    with pytest.raises(ParameterConflict) as refusal:
        parsed(written)
    assert refusal.value.parameter == name


@pytest.mark.parametrize(
    ("written", "warning"),
    [
        (
            "num_speakers=3|min_speakers=2|max_speakers=5",
            "num_speakers=3 overrides min_speakers and max_speakers",
        ),
        ("num_speakers=3|max_speakers=2", "num_speakers=3 overrides max_speakers"),
        ("diarize=false|num_speakers=2", "num_speakers has no effect with diarize=false"),
        ("max_line_width=40", "max_line_width has no effect with output_format=json"),
        ("output=tsv|highlight_words=true", "highlight_words has no effect with output_format=tsv"),
        (
            "output=srt|return_speaker_embeddings=1",
            "return_speaker_embeddings has no effect with output_format=srt",
        ),
        (
            "word_timestamps=false|diarize=false|align=attention",
            "align has no effect with word_timestamps=false and diarize=false",
        ),
        ("speaker=2", "unknown parameter 'speaker' was ignored"),
        ("diarise=false", "unknown parameter 'diarise' was ignored; did you mean diarize?"),
        ("a\r\nX-Evil: 1=2", "unknown parameter 'a\\r\\nX-Evil: 1' was ignored"),
    ],
)
def test_what_has_no_effect_is_named(written: str, warning: str) -> None:
    assert parsed(written).warnings == (warning,)


def test_a_number_of_speakers_overrides_the_bounds() -> None:
    options = parsed("num_speakers=3|min_speakers=2|max_speakers=5").options
    assert (options.num_speakers, options.min_speakers, options.max_speakers) == (3, None, None)


def test_what_bazarr_sends_causes_no_warning() -> None:
    query = "task=transcribe|language=en|output=srt|encode=false|video_file=/films/a.mkv"
    assert parsed(query, "audio_file=x").warnings == ()


def test_many_unknown_names_give_few_warnings() -> None:
    warnings = parsed("|".join(f"name{number}{'x' * 500}=1" for number in range(1000))).warnings
    assert len(warnings) == 11
    assert warnings[-1] == "990 more unknown parameters were ignored"
    assert max(map(len, warnings)) < 150


def test_all_languages_of_whisper_are_known_by_code_and_name() -> None:
    assert len(LANGUAGES) == 100
    for code, name in LANGUAGES.items():
        assert language_code(code.upper()) == language_code(name.title()) == code


def test_the_languages_are_those_of_the_engine() -> None:
    """Read from the engine's source, since importing it takes seconds."""
    engine = find_spec("whisperx")
    assert engine is not None
    assert engine.origin is not None
    source = ast.parse((Path(engine.origin).parent / "utils.py").read_text(encoding="utf-8"))
    tables = {
        target.id: node.value
        for node in source.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert ast.literal_eval(tables["LANGUAGES"]) == LANGUAGES


def test_every_option_is_described_for_the_docs() -> None:
    schemas = AsrOptions.model_json_schema()["properties"]
    assert set(schemas) == set(OPTION_CHOICES) == set(AsrOptions.model_fields)
    for name, schema in schemas.items():
        assert schema["description"].endswith("."), name
        assert schema["examples"], name
        assert "default" in schema, name
    assert set(OPTION_ALIASES.values()) <= set(schemas)


def test_options_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parsed().options.task = "translate"  # type: ignore[misc]
