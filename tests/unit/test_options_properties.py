"""Whatever is sent as options, the answer is options or a typed refusal."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import AsrError, ParameterConflict
from app.models.model_spec import ModelSpec
from app.options.asr_options import OPTION_ALIASES, AsrOptions
from app.options.parsing import OptionReader, ParsedOptions

some_examples = settings(max_examples=60, deadline=None, derandomize=True)

NAME = st.one_of(
    st.sampled_from([*AsrOptions.model_fields, *OPTION_ALIASES, "video_file"]), st.text(max_size=8)
)
VALUE = st.one_of(
    st.sampled_from(["true", "0", "en", "German", "srt", "txt", "2", "32", "demo", "", " ", "9" * 400, "\0"]),
    st.text(alphabet=st.characters(), max_size=20),
)
PAIRS = st.lists(st.tuples(NAME, VALUE), max_size=6)

SWITCH = st.booleans()
SPEAKERS = st.one_of(st.none(), st.integers(1, 32))
PHRASE = st.one_of(
    st.none(), st.from_regex(r"[^\s\x00-\x1f\x7f-\x9f]( ?[^\s\x00-\x1f\x7f-\x9f]){0,30}", fullmatch=True)
)
OPTIONS = st.builds(
    AsrOptions,
    task=st.just("transcribe"),
    language=st.sampled_from([None, "en", "haw", "yue", "zh-hans", "zh-hant"]),
    model=st.sampled_from(["large-v3", "demo"]),
    output_format=st.sampled_from(["json", "text", "srt", "vtt", "tsv"]),
    word_timestamps=st.just(True),
    diarize=st.just(True),
    num_speakers=SPEAKERS,
    initial_prompt=PHRASE,
    hotwords=PHRASE,
    return_speaker_embeddings=SWITCH,
    encode=SWITCH,
    split_speakers=SWITCH,
    fill_nearest=SWITCH,
    max_line_width=st.one_of(st.none(), st.integers(1, 1000)),
    max_line_count=st.one_of(st.none(), st.integers(1, 100)),
    highlight_words=SWITCH,
    beam_size=st.integers(1, 10),
    suppress_numerals=SWITCH,
    verbatim=SWITCH,
    start=st.one_of(st.none(), st.integers(0, 999_999).map(lambda number: number / 8)),
    duration=st.one_of(st.none(), st.integers(1, 999_999).map(lambda number: number / 8)),
    audio_track=st.sampled_from([None, "2", "ger"]),
)


def parse(query: list[tuple[str, str]], form: list[tuple[str, str]]) -> ParsedOptions[ModelSpec]:
    reader = OptionReader(lambda name: ModelSpec(name or "large-v3", "owner/name"))
    reader.read_query(query)
    return reader.read_form(form)


def written(options: AsrOptions) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in options.model_dump().items() if value is not None]


def answer(query: list[tuple[str, str]], form: list[tuple[str, str]]) -> ParsedOptions[ModelSpec] | AsrError:
    try:
        return parse(query, form)
    except AsrError as refusal:
        return refusal


@some_examples
@given(PAIRS, PAIRS)
def test_anything_gives_options_or_a_typed_refusal(
    query: list[tuple[str, str]], form: list[tuple[str, str]]
) -> None:
    got = answer(query, form)
    if isinstance(got, AsrError):
        assert len(str(got)) < 800
        str(got).encode("utf-8")
    else:
        assert AsrOptions.model_validate(got.options.model_dump()) == got.options
        assert all(warning.isascii() and warning.isprintable() for warning in got.warnings)


@some_examples
@given(OPTIONS)
def test_options_written_out_are_read_back(options: AsrOptions) -> None:
    assert parse(written(options), []).options == options
    assert parse([], written(options)).options == options
    assert parse(written(options), written(options)).options == options


@some_examples
@given(OPTIONS, OPTIONS)
def test_two_places_that_differ_are_refused(first: AsrOptions, second: AsrOptions) -> None:
    both = {name for name, _ in written(first)} & {name for name, _ in written(second)}
    differing = {name for name in both if getattr(first, name) != getattr(second, name)}
    got = answer(written(first), written(second))
    assert isinstance(got, ParameterConflict) == bool(differing)
    assert not isinstance(got, ParameterConflict) or got.parameter in differing
