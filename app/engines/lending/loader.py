"""Builds engines from what lies on disk, after fetching what does not; imports the libraries late."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.engines.failures import is_out_of_memory
from app.engines.interfaces import USUAL_BOUNDS, Aligner, Diarizer, SpeechBounds, Transcriber
from app.engines.platform.device_plan import (
    CPU_BATCH_SIZE,
    CPU_COMPUTE_TYPE,
    DevicePlan,
    embedding_windows,
    segmentation_windows,
)
from app.engines.platform.library_import import import_engine_libraries
from app.errors import AsrError, ModelUnavailable
from app.models.fetcher import ModelFetcher
from app.models.loaded_model import Expect, LoadedEngine
from app.models.model_files import ALIGNER_FILES, DIARIZER_FILES, WHISPER_FILES, size_on_disk
from app.models.model_spec import ModelSpec, is_directory_source, is_pipeline_source, shown_source
from app.models.whisper_abilities import read_abilities
from app.transcript import Seconds

logger = logging.getLogger(__name__)

_BYTES_PER_STORED_FLOAT16 = {
    "auto": 0.5,
    "int8": 0.5,
    "int8_float16": 0.5,
    "int8_bfloat16": 0.5,
    "int8_float32": 0.5,
    "float32": 2.0,
}
"""Size in memory over size on disk, by compute type; the hub's Whisper models are stored as float16."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """What the operator chose for all engines."""

    plan: DevicePlan
    share_batches: bool = False
    """Chunks of several requests are decoded together, on the device that was planned for Whisper."""
    cpu_threads: int = 0
    align_batch_size: int = 8
    segmentation_batch_size: int | None = None
    """Windows; None: as many as suit the device."""
    embedding_batch_size: int | None = None
    speech_bounds: SpeechBounds = USUAL_BOUNDS
    align_precision: str = "auto"
    diarize_precision: str = "auto"
    clustering_threshold: float | None = None
    min_duration_off: Seconds | None = None


def _expect_nothing(size_bytes: int) -> None:
    """Make no room: for those who load one engine after the other and keep none."""


@dataclass(frozen=True, slots=True)
class EngineLoader:
    """Loads one engine after another; it shares nothing between them and may be used from several threads."""

    fetcher: ModelFetcher
    settings: EngineSettings

    def transcriber(
        self, model: ModelSpec, device: str, expect: Expect = _expect_nothing
    ) -> LoadedEngine[Transcriber]:
        """Load Whisper.

        Raises:
            ModelUnavailable: it cannot be fetched or loaded; the reason says why.
        """
        source = self.fetcher.fetch(model.name, model.source, WHISPER_FILES)
        plan = self.settings.plan
        as_planned = device == plan.whisper
        compute_type = plan.compute_type if as_planned else CPU_COMPUTE_TYPE
        size = int(size_on_disk(source / "model.bin") * _BYTES_PER_STORED_FLOAT16.get(compute_type, 1.0))
        expect(size)
        with self._load_errors(model.name, model.source, source):
            from app.engines.whisper.transcriber import Scope, WhisperTranscriber

            engine = WhisperTranscriber.load(
                source,
                device=device,
                compute_type=compute_type,
                batch_size=plan.batch_size if as_planned else CPU_BATCH_SIZE,
                cpu_threads=self.settings.cpu_threads,
                chunk_seconds=model.chunk_seconds,
                speech_batch_size=self.settings.segmentation_batch_size,
                speech_bounds=self.settings.speech_bounds,
                scope=Scope(
                    model.name, model.abilities.restricted_by(read_abilities(source)), model.languages
                ),
            )
            if self.settings.share_batches and as_planned:
                from app.engines.whisper.shared_batches import SharedBatches
                from app.engines.whisper.sharing_transcriber import SharingTranscriber

                shared = SharedBatches(engine.decoder, plan.batch_size)
                sharing = SharingTranscriber(engine, shared)
                return LoadedEngine(sharing, sharing.close, size, source)
        return LoadedEngine(engine, engine.close, size, source)

    def aligner(
        self, source: str, language: str, device: str, expect: Expect = _expect_nothing
    ) -> LoadedEngine[Aligner]:
        """Load the aligner for `language` from a directory, a hub repository or a torchaudio pipeline.

        Raises:
            ModelUnavailable: it cannot be fetched or loaded; the reason says why.
        """
        name = f"aligner-{language}"
        place: Path | str
        if is_pipeline_source(source):
            on_disk, place = self.fetcher.fetch_pipeline_weights(name, source), source
        else:
            on_disk = place = self.fetcher.fetch(name, source, ALIGNER_FILES)
        as_planned = device == self.settings.plan.align
        size = size_on_disk(on_disk)
        expect(size)
        with self._load_errors(name, source, on_disk):
            from app.engines.alignment.aligner import Wav2Vec2Aligner

            engine = Wav2Vec2Aligner.load(
                place,
                language=language,
                device=device,
                batch_size=self.settings.align_batch_size,
                precision=self.settings.align_precision if as_planned else "auto",
                model_dir=self.fetcher.cache_dir,
            )
        return LoadedEngine(engine, engine.close, size, on_disk)

    def diarizer(self, source: str, device: str, expect: Expect = _expect_nothing) -> LoadedEngine[Diarizer]:
        """Load the diarization pipeline from a directory or a hub repository.

        Raises:
            ModelUnavailable: it cannot be fetched or loaded; the reason says why.
        """
        name = shown_source(source)
        directory = self.fetcher.fetch(name, source, DIARIZER_FILES)
        settings = self.settings
        as_planned = device == settings.plan.diarize
        size = size_on_disk(directory)
        expect(size)
        with self._load_errors(name, source, directory):
            from app.engines.diarization.diarizer import PyannoteDiarizer

            engine = PyannoteDiarizer.load(
                directory,
                device=device,
                segmentation_batch_size=segmentation_windows(settings.segmentation_batch_size, device),
                embedding_batch_size=embedding_windows(settings.embedding_batch_size, device),
                precision=settings.diarize_precision if as_planned else "auto",
                clustering_threshold=settings.clustering_threshold,
                min_duration_off=settings.min_duration_off,
            )
        return LoadedEngine(engine, engine.close, size, directory)

    @contextmanager
    def _load_errors(self, name: str, source: str, place: Path) -> Iterator[None]:
        """Turn what a library raises over the files in `place` into one sentence; lack of memory passes."""
        try:
            import_engine_libraries()
            yield
        except Exception as exc:
            if isinstance(exc, AsrError) or is_out_of_memory(exc):
                raise
            logger.exception("loading %s from %s failed", name, place)
            reason = f"its files cannot be loaded ({type(exc).__name__}); the log has the cause"
            # A directory is the operator's own: nothing in it is ours to remove.
            if not is_directory_source(source) and not is_pipeline_source(source):
                reason = self.fetcher.damaged_files.removed_after(exc, place) or reason
            raise ModelUnavailable(name, reason) from exc
