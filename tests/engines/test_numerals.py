"""Which tokens write figures, and that none of them is chosen where numbers are to be words."""

from collections.abc import Sequence

import pytest
import tokenizers
from faster_whisper.tokenizer import Tokenizer

from app.engines.interfaces import TranscriptionRequest
from app.engines.whisper.generation import DirectDecoder
from app.engines.whisper.numerals import numeral_tokens
from app.engines.whisper.rows import Decoded, Row
from app.engines.whisper.transcriber import WhisperTranscriber
from tests.engines.conftest import DEMO, nothing, recordings, samples_of

VOCABULARY = tokenizers.Tokenizer.from_file(str(DEMO / "whisper" / "tokenizer.json"))


def test_all_tokens_with_figures_are_found_and_no_letters() -> None:
    tokenizer = Tokenizer(VOCABULARY, True, task="transcribe", language="en")
    found = set(numeral_tokens(tokenizer))
    assert found >= {VOCABULARY.token_to_id(sign) for sign in "0123456789%$"}
    assert not found & set(tokenizer.encode(" A sentence, äöü, with no figure in it!"))
    assert max(found) < tokenizer.eot


@pytest.mark.parametrize("suppress", [True, False])
def test_the_decoder_is_kept_from_figures_where_that_is_asked_for(
    suppress: bool, transcriber: WhisperTranscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the decoder is given is noted on its way; the bundle's model writes no figures by itself."""
    given: list[Row] = []
    decode = DirectDecoder.decode

    def noting(self: DirectDecoder, rows: Sequence[Row]) -> list[Decoded]:
        given.extend(rows)
        return decode(self, rows)

    monkeypatch.setattr(DirectDecoder, "decode", noting)
    request = TranscriptionRequest(language="en", suppress_numerals=suppress, beam_size=2)
    said = transcriber.transcribe(samples_of(recordings("conversation-en-*")[0]), request, nothing)
    assert said.segments
    seven = VOCABULARY.token_to_id("7")
    assert {(seven in row.search.suppressed, row.search.beam_size) for row in given} == {(suppress, 2)}
