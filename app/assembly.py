"""From settings to concrete parts: the half of the composition root that `serve` and `prefetch` share."""

from collections.abc import Callable
from dataclasses import dataclass

from app.catalogue import Catalogue, parse_sources
from app.devices import (
    DevicePlan,
    ImplausibleSettings,
    embedding_windows,
    plan_devices,
    segmentation_windows,
)
from app.engines.engine_loader import EngineLoader, EngineSettings
from app.engines.fetch import ModelFetcher
from app.engines.gpu import gpu_is_usable
from app.engines.hub_client import HubClient
from app.engines.loader import LoadedEngines
from app.engines.pool import Pool
from app.engines.reaper import IdleReaper
from app.known_models import DEFAULT_MODEL
from app.languages import LANGUAGES
from app.model_settings import (
    NOTHING,
    check_chosen,
    narrowed,
    read_aligners,
    read_languages,
    read_preload_language,
)
from app.preloading import parts_to_preload
from app.readiness import Part, Readiness
from app.settings import Settings

GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class EngineRoom:
    """Everything that holds models."""

    catalogue: Catalogue
    plan: DevicePlan
    pool: Pool
    engines: LoadedEngines
    readiness: Readiness
    reaper: IdleReaper

    def start(self) -> None:
        """Begin to preload and to unload what is idle; returns at once."""
        self.readiness.start()
        self.reaper.start()

    def stop(self) -> None:
        """Begin nothing more."""
        self.readiness.stop()
        self.reaper.stop()


def build_catalogue(settings: Settings) -> Catalogue:
    """Return the models and languages that the operator allows.

    Raises:
        ImplausibleSettings: a setting that names models or languages is malformed, or names one that is not
            known or not allowed.
    """
    preloaded = preloaded_model(settings)
    try:
        parse_sources([f"pipeline={settings.diarization_model}"], "DIARIZATION_MODEL")
        every = Catalogue(
            default=settings.default_model or preloaded or DEFAULT_MODEL,
            extra_models=parse_sources(settings.extra_models, "EXTRA_MODELS"),
            aligners=read_aligners(settings.align_models, "ALIGN_MODELS"),
            diarizer=settings.diarization_model,
            languages=read_languages(settings.allowed_languages, "ALLOWED_LANGUAGES") or tuple(LANGUAGES),
        )
        catalogue = narrowed(every, settings.allowed_models)
        if settings.default_model:
            check_chosen(catalogue, "DEFAULT_MODEL", settings.default_model)
        if catalogue.allowed:
            check_chosen(catalogue, "PRELOAD_MODEL", preloaded or catalogue.default)
        preloaded_language(settings, catalogue)
    except ValueError as exc:
        raise ImplausibleSettings(str(exc)) from exc
    return catalogue


def preloaded_model(settings: Settings) -> str | None:
    """Return the name of the model that is loaded at start; None for none."""
    return None if settings.preload_model.strip().lower() == NOTHING else settings.preload_model


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
        ImplausibleSettings: the settings contradict each other or the machine.
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


def build_loader(settings: Settings, plan: DevicePlan, *, show_progress: bool) -> EngineLoader:
    """Return what fetches models and brings them into memory."""
    token = settings.hf_token.get_secret_value() if settings.hf_token else None
    hub = HubClient(settings.hf_endpoint, token, show_progress=show_progress)
    fetcher = ModelFetcher(settings.cache_dir, hub, offline=settings.hf_hub_offline)
    segmentation, embedding = _windows(settings, plan)
    return EngineLoader(
        fetcher,
        EngineSettings(
            plan=plan,
            cpu_threads=settings.cpu_threads,
            align_batch_size=settings.align_batch_size,
            segmentation_batch_size=segmentation,
            embedding_batch_size=embedding,
            align_precision=settings.align_precision,
            diarize_precision=settings.diarize_precision,
            clustering_threshold=settings.diarize_clustering_threshold,
            min_duration_off=settings.diarize_min_duration_off,
        ),
    )


def _windows(settings: Settings, plan: DevicePlan) -> tuple[int, int]:
    """Return how many windows the segmentation and the embedding network work on together."""
    segmentation = segmentation_windows(settings.segmentation_batch_size, plan.diarize)
    return segmentation, embedding_windows(settings.embedding_batch_size, plan.diarize)


def build_engine_room(settings: Settings) -> EngineRoom:
    """Return the engines of the service, none of them loaded yet.

    Raises:
        ValueError: settings that make no sense; the message names them.
    """
    catalogue = build_catalogue(settings)
    plan = build_plan(settings)
    pool = Pool(
        keep_alive_seconds=settings.model_keep_alive_seconds,
        max_loaded=settings.max_loaded_models,
        budget_bytes=int(settings.vram_budget_gb * GIGABYTE),
    )
    # The engines report to the readiness, which loads the engines: each call looks them up when it runs.
    readiness = Readiness(preloaded_parts(settings, catalogue, lambda: engines))
    engines = LoadedEngines(
        catalogue,
        pool,
        build_loader(settings, plan, show_progress=False),
        plan,
        align_batch_size=settings.align_batch_size,
        diarize_batch_size=max(_windows(settings, plan)),
        cpu_fallback=settings.oom_cpu_fallback,
        observe=readiness.observe,
    )
    reaper = IdleReaper(pool, settings.model_keep_alive_seconds)
    return EngineRoom(catalogue, plan, pool, engines, readiness, reaper)


def preloaded_parts(
    settings: Settings, catalogue: Catalogue, engines: Callable[[], LoadedEngines]
) -> tuple[Part, ...]:
    """Return what is loaded at start, in the order in which requests will miss it."""
    model = preloaded_model(settings)
    if model is None:
        return ()
    language = preloaded_language(settings, catalogue)
    return parts_to_preload(
        catalogue, engines, model=model, language=language, diarization=settings.preload_diarization
    )
