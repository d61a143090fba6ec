"""The whole pipeline with Whisper large-v3, wav2vec2 base and a ResNet34, against whisperX on the same."""

import os
import time
import warnings
from collections.abc import Iterator

import torch

from app.audio.waveform import to_float32
from app.options.asr_options import AsrOptions
from app.pipeline import Pipeline
from app.request_context import RequestContext
from app.stage import Stage
from app.transcript import Transcript
from app.work.upload_store import StoredUpload
from benchmarks.align import use_our_sentences
from benchmarks.card.engines import Choice, RealSize, load
from benchmarks.pairs import Comparison, Figure
from benchmarks.scale import Scale
from benchmarks.sounds import long_meeting
from benchmarks.whole_pipeline import SPEC, GivenEngines, GivenSound, Models, whisperx_sequence

STAGES = (Stage.TRANSCRIBE, Stage.DIARIZE, Stage.ALIGN)


def run(scale: Scale) -> Iterator[Comparison | Figure]:
    """Yield ours in turn and side by side, and then against whisperX, half an hour of audio each."""
    warnings.filterwarnings("ignore")
    use_our_sentences(scale.cache / "nltk_data")
    on_card = scale.device == "cuda"
    choice = Choice(
        "tiny" if scale.quick else "large", "float16" if on_card else "int8", 16 if on_card else 2
    )
    seconds = 8.0 if scale.quick else 1800.0
    engines = load(choice, scale.device, scale.cache)
    whole(engines, seconds / 3, beside=False)  # kernels are chosen, caches filled
    for beside in (False, True):
        yield _ours(engines, seconds, beside=beside)
    yield _against_whisperx(engines, choice, seconds, scale)


def whole(engines: RealSize, seconds: float, *, beside: bool) -> tuple[Transcript, RequestContext]:
    """Return what our pipeline makes of the meeting, over and over, with speakers, and how long it took."""
    sound = GivenSound(long_meeting(seconds))
    pipeline = Pipeline(GivenEngines(engines.by_stage), sound, diarize_concurrently=beside)
    context = RequestContext(SPEC, AsrOptions(language="en", diarize=True))
    upload = StoredUpload(os.open(os.devnull, os.O_RDONLY))
    return pipeline.transcribe(upload, context, lambda: None), context


def _ours(engines: RealSize, seconds: float, *, beside: bool) -> Figure:
    began = time.perf_counter()
    _, context = whole(engines, seconds, beside=beside)
    spent = time.perf_counter() - began
    stages = ", ".join(f"{stage} {context.stage_seconds.get(stage, 0):.2f}" for stage in STAGES)
    name = f"ours {'side by side' if beside else 'one after the other'}, {seconds:g} s"
    return Figure(name, spent, "s", f"{stages}: {seconds / spent:.0f} x real time")


def _against_whisperx(engines: RealSize, choice: Choice, seconds: float, scale: Scale) -> Comparison:
    """Time each as often as there are pairs; the reference's first run, which warms it, is a short one."""
    models = _theirs(engines, choice, scale)
    whisperx_sequence(models, to_float32(long_meeting(seconds / 3)), scale)
    long = to_float32(long_meeting(seconds))
    theirs, ours, words = [], [], [0, 0]
    for _ in range(scale.pairs):
        began = time.perf_counter()
        answer = whisperx_sequence(models, long, scale)
        theirs.append(time.perf_counter() - began)
        began = time.perf_counter()
        transcript, _ = whole(engines, seconds, beside=True)
        ours.append(time.perf_counter() - began)
        found = [row["text"] for row in answer["segments"]], [row.text for row in transcript.segments]
        words = [sum(len(text.split()) for text in texts) for texts in found]
    equality = f"{words[0]} and {words[1]} words; random weights of the real size"
    name = f"whole pipeline, Whisper {choice}, wav2vec2 base, ResNet34, {seconds:g} s"
    return Comparison(
        name, tuple(theirs), tuple(ours), equality, goal=3.0 if scale.device == "cuda" else None
    )


def _theirs(engines: RealSize, choice: Choice, scale: Scale) -> Models:
    import whisperx

    threads = torch.get_num_threads()
    loaded = whisperx.load_model(
        str(engines.whisper),
        scale.device,
        compute_type=choice.compute_type,
        language="en",
        threads=threads,
    )
    return Models(loaded, engines.wav2vec2, engines.pipeline)
