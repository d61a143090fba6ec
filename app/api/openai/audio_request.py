"""What a request to /v1/audio asks for: its fields become our options, and the form of its answer."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from app.api.openai.form_fields import FormFields, Pair, read_fields
from app.api.openai.known_samples import KnownSample, read_known_samples
from app.api.openai.strategy import check_chunking_strategy
from app.errors import BadParameter, ParameterConflict
from app.formats.sanitize import plain_line
from app.models.model_spec import ModelSpec
from app.options.asr_options import OPTION_ALIASES, AsrOptions
from app.options.languages import UNSET_WORDS, is_unknown_language, language_code
from app.options.parsing import OptionReader, ParsedOptions
from app.request_context import Extras

Task: TypeAlias = Literal["transcribe", "translate"]

FORMS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
"""Values of response_format."""
_DOCUMENTS = frozenset({"text", "srt", "vtt"})
_OWN = frozenset({"file", "response_format", "stream", "chunking_strategy", "prompt", "language"})
"""Fields that are read here; others, as far as they are options of POST /asr, are passed on."""
_NOT_OURS = frozenset({"task", "output", "output_format", "initial_prompt", "word_timestamps", "transcript"})
"""Options of POST /asr that the fields of this API say in its own words."""
_LONGEST_PHRASE = 4000
_SWITCH = TypeAdapter(bool)
ALIASES = MappingProxyType({**OPTION_ALIASES, "prompt": "initial_prompt", "keywords": "hotwords"})
"""Names of this API for options of POST /asr."""


@dataclass(frozen=True, slots=True)
class AudioRequest:
    """A checked request."""

    parsed: ParsedOptions[ModelSpec]
    task: Task
    form: str
    with_segments: bool
    with_words: bool
    with_logprobs: bool
    stream: bool
    extras: Extras
    """Without the known speakers, whose samples are not stored yet."""
    known: tuple[KnownSample, ...]
    warnings: tuple[str, ...]

    @property
    def options(self) -> AsrOptions:
        """The options of POST /asr that it comes to."""
        return self.parsed.options

    @property
    def model(self) -> ModelSpec:
        """The model that it names."""
        return self.parsed.model


@dataclass(slots=True)
class AudioRequestReader:
    """Reads one request: fields may stand in the query string and in the form, in any order."""

    reader: OptionReader[ModelSpec]
    """Knows ALIASES."""
    languages: Sequence[str]
    """Codes of those that may be named."""
    task: Task
    _query: tuple[Pair, ...] = ()
    _warnings: list[str] = field(default_factory=list)

    def read_query(self, pairs: Iterable[Pair]) -> None:
        """Take the fields of the query string; they are judged with those of the form."""
        self._query = tuple(pairs)

    def read_form(self, pairs: Iterable[Pair]) -> AudioRequest:
        """Return what is asked for.

        Raises: BadParameter, ParameterConflict, UnknownModel, ModelUnavailable.
        """
        fields = read_fields((*self._query, *pairs))
        form = self._form(fields)
        segments, words = self._granularities(fields, form)
        stream = self._stream(fields, form)
        check_chunking_strategy(fields)
        with_logprobs = self._logprobs(fields, form)
        candidates = self._candidates(fields)
        known = read_known_samples(fields)
        parsed = self.reader.read_form(self._options(fields, form, candidates, stream=stream))
        if known and not parsed.options.diarize:
            self._ignored("known_speaker_names", "takes response_format=diarized_json")
        return AudioRequest(
            parsed=parsed,
            task=self.task,
            form=form,
            with_segments=segments,
            with_words=words,
            with_logprobs=with_logprobs,
            stream=stream,
            extras=Extras(
                soon=stream,
                token_logprobs=with_logprobs,
                speakers_required=form == "diarized_json",
            ),
            known=known if parsed.options.diarize else (),
            warnings=(*self._warnings, *parsed.warnings),
        )

    def _form(self, fields: FormFields) -> str:
        text = (fields.scalar("response_format") or "json").strip().lower()
        forms = FORMS if self.task == "transcribe" else FORMS[:-1]
        if text not in forms:
            raise BadParameter("response_format", text, f"one of {', '.join(forms)}")
        return text

    def _granularities(self, fields: FormFields, form: str) -> tuple[bool, bool]:
        """Return whether segments are wanted, and words."""
        name, entries = "timestamp_granularities", fields.array("timestamp_granularities")
        _check_entries(name, entries, ("word", "segment"))
        if entries and (form != "verbose_json" or self.task == "translate"):
            self._ignored(name, "takes response_format=verbose_json of a transcription")
        if self.task == "translate":
            return True, False
        return not entries or "segment" in entries, "word" in entries

    def _stream(self, fields: FormFields, form: str) -> bool:
        text = (fields.scalar("stream") or "").strip()
        wanted = text.lower() not in UNSET_WORDS and _switch("stream", text)
        if wanted and self.task == "translate":
            self._ignored("stream", "is for transcriptions")
            return False
        if wanted and form in _DOCUMENTS:
            raise BadParameter("stream", text, f"false with response_format={form}")
        return wanted

    def _logprobs(self, fields: FormFields, form: str) -> bool:
        entries = fields.array("include")
        _check_entries("include", entries, ("logprobs",))
        if entries and (form != "json" or self.task == "translate"):
            self._ignored("include", "takes response_format=json of a transcription")
            return False
        return bool(entries)

    def _candidates(self, fields: FormFields) -> tuple[str, ...]:
        """Return the codes of the languages that the recording may be in; () if it may be in any."""
        codes = []
        for text in fields.array("languages"):
            code = language_code(text)
            if code not in self.languages and not is_unknown_language(text):
                raise BadParameter("languages", text, f"codes of languages, of {', '.join(self.languages)}")
            codes.append(code)
        if fields.scalar("language") or None in codes:
            return ()
        return tuple(dict.fromkeys(code for code in codes if code is not None))

    def _options(
        self, fields: FormFields, form: str, candidates: Sequence[str], *, stream: bool
    ) -> Iterator[Pair]:
        """Yield the options of POST /asr that say the same, under the names that messages should use."""
        yield "task", self.task
        yield "output_format", form if form in _DOCUMENTS else "json"
        if self.task == "transcribe":
            needs_times = form in ("verbose_json", "srt", "vtt") or stream
            yield "word_timestamps", "true" if needs_times else "false"
        yield from self._speakers(fields, form)
        language = fields.scalar("language") or ",".join(candidates)
        yield "language", language
        yield "prompt", plain_line(fields.scalar("prompt") or "")[-_LONGEST_PHRASE:]
        yield "keywords", plain_line(", ".join(fields.array("keywords")))[:_LONGEST_PHRASE]
        for name, text in fields.scalars:
            if name in _NOT_OURS:
                self._ignored(name, "is said otherwise on /v1/audio, see docs/api.md")
            elif name not in _OWN and not _says_diarize(name):
                yield name, text
        yield from ((f"{name}[{key}]", text) for name, (key, text) in fields.members if name not in _OWN)

    def _speakers(self, fields: FormFields, form: str) -> Iterator[Pair]:
        """Yield whether to tell speakers apart: with diarized_json, else only if the client says so."""
        written = [pair for pair in fields.scalars if _says_diarize(pair[0])]
        if form == "diarized_json" and not all(_switch(name, text) for name, text in written):
            raise ParameterConflict("diarize", "response_format=diarized_json needs diarize=true")
        yield from written or [("diarize", "true" if form == "diarized_json" else "false")]

    def _ignored(self, name: str, reason: str) -> None:
        self._warnings.append(f"{name} was ignored: it {reason}")


def _check_entries(name: str, entries: Sequence[str], allowed: Sequence[str]) -> None:
    for entry in entries:
        if entry not in allowed:
            raise BadParameter(name, entry, " or ".join(allowed))


def _says_diarize(name: str) -> bool:
    return OPTION_ALIASES.get(name, name) == "diarize"


def _switch(name: str, text: str) -> bool:
    try:
        return _SWITCH.validate_python(text.strip())
    except ValidationError:
        raise BadParameter(name, text, "true or false") from None
