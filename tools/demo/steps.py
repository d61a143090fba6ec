"""The steps from nothing to the measured bundle; all but the last are skipped when their output exists."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .corpus import Corpus
from .corpus_writer import index_path, write_corpus
from .voices import ENGLISH, GERMAN, SPOKEN, UNSEEN, VARIETY
from .workspace import Workspace

SEED = 1
SENTENCES, HELD_OUT = 1500, 80  # per voice of the bundle
VARIETY_SENTENCES, VARIETY_HELD_OUT = 50, 10  # per voice that only trains or measures the embedding


@dataclass(frozen=True, slots=True)
class Step:
    """`is_done` looks for the outputs of `run`."""

    name: str
    run: Callable[[Workspace], None]
    is_done: Callable[[Workspace], bool]


def all_steps() -> tuple[Step, ...]:
    return (
        Step("corpus", _speak_corpus, _is_corpus_spoken),
        Step("tokenizer", _train_tokenizer, lambda w: w.tokenizer.exists()),
        Step(
            "whisper", _train_whisper, lambda w: (w.bundle / "whisper").exists() and _last_stage(w).exists()
        ),
        Step("aligner", _train_aligner, lambda w: (w.bundle / "aligner").exists() and w.aligner.exists()),
        Step("speakers", _train_speakers, lambda w: (w.bundle / "diarization").exists() and w.plda.exists()),
        Step("meetings", _write_meetings, lambda w: (w.bundle / "besprechung.json").exists()),
        Step("recordings", _write_recordings, lambda w: (w.tests / "translation.json").exists()),
        Step(
            "measure", _measure, lambda _: False
        ),  # what the models' kept figures cover is not measured again
    )


def _training(w: Workspace) -> Corpus:
    return Corpus(w.corpus, SPOKEN, held_out=False)


def _held_out(w: Workspace) -> Corpus:
    return Corpus(w.corpus, SPOKEN, held_out=True)


def _is_corpus_spoken(w: Workspace) -> bool:
    return all(index_path(w.corpus, voice.label).exists() for voice in SPOKEN + VARIETY + UNSEEN)


def _speak_corpus(w: Workspace) -> None:
    from .debian import require_synthesisers

    require_synthesisers()
    write_corpus(w.corpus, SPOKEN, training=SENTENCES, held_out=HELD_OUT)
    write_corpus(w.corpus, VARIETY + UNSEEN, training=VARIETY_SENTENCES, held_out=VARIETY_HELD_OUT)


def _train_tokenizer(w: Workspace) -> None:
    from .whisper.tokens import train_tokenizer

    train_tokenizer(w.tokenizer, SEED)


def _last_stage(w: Workspace) -> Path:
    from .whisper.stages import STAGES, weights_path

    return weights_path(w.whisper, STAGES[-1])


def _train_whisper(w: Workspace) -> None:
    """Exports after every stage, so that a usable model exists early."""
    from .whisper.export import export_whisper
    from .whisper.stages import STAGES
    from .whisper.tokens import Vocabulary
    from .whisper.training import train

    w.bundle.mkdir(parents=True, exist_ok=True)
    for weights in train(STAGES, w.whisper, Vocabulary.load(w.tokenizer), _training(w), _held_out(w)):
        export_whisper(weights, w.tokenizer, w.bundle / "whisper")
    if not (w.bundle / "whisper").exists():
        export_whisper(_last_stage(w), w.tokenizer, w.bundle / "whisper")


def _train_aligner(w: Workspace) -> None:
    from .aligner.export import export_aligner
    from .aligner.training import train_aligner

    if not w.aligner.exists():
        train_aligner(w.aligner, _training(w), SEED)
    export_aligner(w.aligner, w.bundle / "aligner")


def _train_speakers(w: Workspace) -> None:
    import random

    from .speakers.export import export_diarization, load_embedding
    from .speakers.plda import fit_plda
    from .speakers.training import SegmentSource, embed_all, train_embedding

    variety = Corpus(w.corpus, VARIETY, held_out=False)
    corpora = {"en": (_training(w), variety), "de": (_training(w),)}
    source = SegmentSource(corpora, random.Random(SEED))
    if not w.embedding.exists():
        spoken = frozenset(voice.label for voice in ENGLISH + GERMAN)
        train_embedding(w.embedding, source, spoken, SEED)
    plda = fit_plda(*embed_all(load_embedding(w.embedding), source, 15))
    plda.save(w.plda)
    export_diarization(w.embedding, plda, w.bundle / "diarization")


def _write_meetings(w: Workspace) -> None:
    from .meetings import write_meetings

    write_meetings(w.bundle, SEED)


def _write_recordings(w: Workspace) -> None:
    from .recordings import write_recordings

    write_recordings(_held_out(w), w.tests, SEED + 1)


def _measure(w: Workspace) -> None:
    from .measure.report import write_figures

    write_figures(w.bundle, w.work / "figures", _held_out(w), Corpus(w.corpus, UNSEEN, held_out=False), SEED)
