"""From settings to concrete parts: the half of the composition root that `serve` and `prefetch` share."""

from dataclasses import dataclass
from functools import partial

from app.engines.alignment.torchaudio_pipelines import pipeline_file
from app.engines.interfaces import USUAL_BOUNDS
from app.engines.lending.lender import PooledEngines
from app.engines.lending.loader import EngineLoader, EngineSettings
from app.engines.lending.pool import Pool
from app.engines.platform.allocator import machine_memory
from app.engines.platform.batch_size import fit_batch_size
from app.engines.platform.device_plan import (
    DevicePlan,
    embedding_windows,
    plan_devices,
    segmentation_windows,
)
from app.engines.platform.gpu import gpu_free, gpu_is_usable, gpu_size
from app.engines.platform.memory import release_memory
from app.errors import InvalidSettings
from app.health.expected_engines import ExpectedEngine, expected_engines
from app.health.ledger import Ledger
from app.health.preloader import PATIENT, Preloader, RetryPauses, load_expected
from app.models.catalogue import Catalogue, parse_sources
from app.models.engine_id import EngineId
from app.models.fetcher import ModelFetcher
from app.models.hub_client import HubClient
from app.models.known_models import DEFAULT_MODEL
from app.models.model_files import WHISPER_FILES, size_on_disk
from app.models.whisper_abilities import abilities_on_disk
from app.models.whisper_shapes import shape_of
from app.options.languages import LANGUAGES
from app.settings.model_settings import (
    canonical_name,
    read_aligners,
    read_languages,
    read_preload_language,
    read_preload_model,
    restrict_models,
)
from app.settings.schema import Settings

GIGABYTE = 1_000_000_000
_VRAM_SHARE, _RAM_SHARE = 0.7, 0.5
"""Parts of the memory that the weights may take by default; the rest is for the work and for others."""
_KEEP_ALIVE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class EngineStack:
    """Everything that holds models."""

    catalogue: Catalogue
    plan: DevicePlan
    pool: Pool
    engines: PooledEngines
    ledger: Ledger
    preloader: Preloader

    def start(self) -> None:
        """Begin to preload and to unload what is idle; returns at once."""
        self.preloader.start()
        self.pool.start()

    def is_loaded(self, engine_id: EngineId) -> bool:
        """Return whether `engine_id` is in memory now."""
        return _is_loaded(self.pool, engine_id)

    def stop(self) -> None:
        """Begin nothing more."""
        self.preloader.stop()
        self.pool.stop()


def build_catalogue(settings: Settings) -> Catalogue:
    """Return the models and languages that the operator allows.

    Raises:
        InvalidSettings: a setting that names models or languages is malformed, or names one that is not
            known or not allowed.
    """
    preloaded = read_preload_model(settings.preload_model)
    try:
        parse_sources([f"pipeline={settings.diarization_model}"], "DIARIZATION_MODEL")
        extra_models = parse_sources(settings.extra_models, "EXTRA_MODELS")
        every = Catalogue(
            default=settings.default_model or preloaded or DEFAULT_MODEL,
            extra_models=extra_models,
            abilities=abilities_on_disk(build_fetcher(settings, show_progress=False), extra_models),
            aligners=read_aligners(settings.align_models, "ALIGN_MODELS"),
            diarizer=settings.diarization_model,
            languages=read_languages(settings.allowed_languages, "ALLOWED_LANGUAGES") or tuple(LANGUAGES),
        )
        catalogue = restrict_models(every, settings.allowed_models)
        if preloaded is not None:
            canonical_name(catalogue, preloaded, "PRELOAD_MODEL")
        canonical_name(catalogue, catalogue.default, "DEFAULT_MODEL")
        preloaded_language(settings, catalogue)
    except ValueError as exc:
        raise InvalidSettings(str(exc)) from exc
    return catalogue


def preloaded_language(settings: Settings, catalogue: Catalogue) -> str | None:
    """Return the code of the language whose aligner is loaded at start; None for none.

    Raises:
        ValueError: it is not known or not allowed.
    """
    chosen = "preload_language" in settings.model_fields_set
    return read_preload_language(settings.preload_language, catalogue.languages, chosen=chosen)


def build_plan(settings: Settings) -> DevicePlan:
    """Return where every stage runs.

    Raises:
        InvalidSettings: the settings contradict each other or the machine.
    """
    return plan_devices(
        device=settings.device,
        align_device=settings.align_device,
        diarize_device=settings.diarize_device,
        compute_type=settings.compute_type,
        batch_size=settings.batch_size,
        align_precision=settings.align_precision,
        diarize_precision=settings.diarize_precision,
        gpu_is_usable=gpu_is_usable,
    )


def _with_batch_size(plan: DevicePlan, settings: Settings, catalogue: Catalogue) -> DevicePlan:
    """Return `plan`, where the operator named no batch size with one for the default model and the GPU."""
    if settings.batch_size is not None:
        return plan
    model = catalogue.resolve(catalogue.default_name)
    shape = shape_of(model.source, _stored_bytes(build_fetcher(settings, show_progress=False), model.source))
    return fit_batch_size(plan, model.name, shape, settings.gpu_concurrency, gpu_free)


def _shares_batches(settings: Settings, plan: DevicePlan) -> bool:
    """Return whether requests decode together: as the operator says, else on a GPU where several may run."""
    if settings.share_batches is not None:
        return settings.share_batches
    return plan.whisper == "cuda" and settings.gpu_concurrency > 1


def _stored_bytes(fetcher: ModelFetcher, source: str) -> int | None:
    """Return the size of a Whisper model's weights on disk; None where they are not there."""
    try:
        place = fetcher.find_on_disk(source, WHISPER_FILES)
    except RuntimeError:  # a ~ of nobody: loading says so
        return None
    return None if place is None else size_on_disk(place / "model.bin")


def build_fetcher(settings: Settings, *, show_progress: bool) -> ModelFetcher:
    """Return what finds models on disk and downloads the others."""
    token = settings.hf_token.get_secret_value() if settings.hf_token else None
    hub = HubClient(settings.hf_endpoint, token, show_progress=show_progress)
    return ModelFetcher(settings.cache_dir, hub, pipeline_file, offline=settings.hf_hub_offline)


def build_loader(settings: Settings, plan: DevicePlan, *, show_progress: bool) -> EngineLoader:
    """Return what fetches models and brings them into memory."""
    fetcher = build_fetcher(settings, show_progress=show_progress)
    return EngineLoader(
        fetcher,
        EngineSettings(
            plan=plan,
            share_batches=_shares_batches(settings, plan),
            cpu_threads=settings.cpu_threads,
            align_batch_size=settings.align_batch_size,
            segmentation_batch_size=settings.segmentation_batch_size,
            embedding_batch_size=settings.embedding_batch_size,
            speech_bounds=USUAL_BOUNDS.changed(settings.vad_onset, settings.vad_offset, settings.vad_pad),
            align_precision=settings.align_precision,
            diarize_precision=settings.diarize_precision,
            clustering_threshold=settings.diarize_clustering_threshold,
            min_duration_off=settings.diarize_min_duration_off,
        ),
    )


def _diarize_batch_size(settings: Settings, plan: DevicePlan) -> int:
    """Return the most windows that diarization works on together."""
    segmentation = segmentation_windows(settings.segmentation_batch_size, plan.diarize)
    return max(segmentation, embedding_windows(settings.embedding_batch_size, plan.diarize))


def build_engine_stack(settings: Settings, pauses: RetryPauses = PATIENT) -> EngineStack:
    """Return the engines of the service, none of them loaded yet.

    Raises:
        ValueError: settings that make no sense; the message names them.
    """
    catalogue = build_catalogue(settings)
    plan = _with_batch_size(build_plan(settings), settings, catalogue)
    expected = _expected(settings, catalogue)
    chosen = settings.model_keep_alive_seconds
    pool = Pool(
        keep_alive_seconds=_KEEP_ALIVE_SECONDS if chosen is None else chosen,
        kept_sources=[engine.id.source for engine in expected if engine.preloaded and chosen is None],
        max_loaded=settings.max_loaded_models,
        release_memory=release_memory,
        budgets=memory_budgets(settings, plan),
        cool_down_seconds=pauses.first,
    )
    loader = build_loader(settings, plan, show_progress=False)
    ledger = Ledger(expected, named_sources=catalogue.named_sources)
    engines = PooledEngines(
        catalogue,
        pool,
        loader,
        plan,
        align_batch_size=settings.align_batch_size,
        diarize_batch_size=_diarize_batch_size(settings, plan),
        cpu_fallback=settings.oom_cpu_fallback,
        observer=ledger,
    )
    preloader = Preloader(
        ledger,
        partial(load_expected, engines),
        search=loader.fetcher.search,
        is_loaded=partial(_is_loaded, pool),
        pauses=pauses,
    )
    return EngineStack(catalogue, plan, pool, engines, ledger, preloader)


def memory_budgets(settings: Settings, plan: DevicePlan) -> dict[str, int]:
    """Return the bytes that weights may take on each device; 0 sets no limit."""
    vram, ram = settings.vram_budget_gb, settings.ram_budget_gb
    return {
        "cuda": int((gpu_size() * _VRAM_SHARE if plan.uses_gpu else 0) if vram is None else vram * GIGABYTE),
        "cpu": int(machine_memory() * _RAM_SHARE if ram is None else ram * GIGABYTE),
    }


def _expected(settings: Settings, catalogue: Catalogue) -> tuple[ExpectedEngine, ...]:
    """Return the engines that the service is to have, in the order in which requests will miss them."""
    return expected_engines(
        catalogue,
        preloaded=read_preload_model(settings.preload_model),
        language=preloaded_language(settings, catalogue),
        diarization=settings.preload_diarization,
    )


def _is_loaded(pool: Pool, engine_id: EngineId) -> bool:
    return any(engine_id.on(entry.key.device) == entry.key for entry in pool.loaded())
