"""Figures for Prometheus, in a registry of their own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from app.api.bounded_reading import BoundedReading
from app.api.request_record import RequestRecord
from app.errors import ClientLeft
from app.models.loaded_model import ModelStatus
from app.work.worker import WorkerStats

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
RECORDING_SECONDS = (5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 43200)
REFUSALS = frozenset(
    {"busy", "too_many_uploads", "draining", "queue_timeout", "storage_full", "out_of_memory"}
    | {"model_unavailable", "unavailable"}
)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the present state is asked for at a scrape; every call but `gpu_memory` must be quick."""

    worker: Callable[[], WorkerStats]
    detection_worker: Callable[[], WorkerStats]
    open_uploads: Callable[[], int] = lambda: 0
    loaded_engines: Callable[[], Iterable[ModelStatus]] = tuple
    gpu_memory: Callable[[], tuple[int, int] | None] = lambda: None
    """Used and total bytes; None without a GPU."""


class Metrics:
    """Counts what requests report about themselves; asks the rest when it is scraped."""

    def __init__(self, sources: Sources) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._present = _Present(sources)
        self._gpu_memory = BoundedReading(sources.gpu_memory, "the GPU's memory")
        self.registry.register(self._present)
        self._requests = Counter(
            "asr_requests", "Requests by route and outcome.", ("route", "outcome"), registry=self.registry
        )
        self._request_seconds = Histogram(
            "asr_request_seconds",
            "Time from the request line to the end of the answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "asr_stage_seconds",
            "Time in one stage: queue, decode, load, transcribe, align, diarize.",
            ("stage",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._audio_seconds = Histogram(
            "asr_audio_seconds", "Length of recordings.", buckets=RECORDING_SECONDS, registry=self.registry
        )
        self._upload_bytes = Counter("asr_upload_bytes", "Bytes of request bodies.", registry=self.registry)
        self._refusals = Counter(
            "asr_refusals",
            "Requests turned away for lack of room, by reason.",
            ("reason",),
            registry=self.registry,
        )
        self._cancellations = Counter(
            "asr_cancellations", "Requests whose client left before the answer.", registry=self.registry
        )

    def observe(self, record: RequestRecord, seconds: float) -> None:
        """Count one finished request, which took `seconds`."""
        self._requests.labels(record.route, record.outcome).inc()
        self._request_seconds.labels(record.route).observe(seconds)
        self._upload_bytes.inc(record.upload_bytes)
        if record.audio_seconds is not None:
            self._audio_seconds.observe(record.audio_seconds)
        for stage, spent in record.stage_seconds.items():
            self._stage_seconds.labels(stage).observe(spent)
        if record.outcome in REFUSALS:
            self._refusals.labels(record.outcome).inc()
        if record.outcome == ClientLeft.code:
            self._cancellations.inc()

    async def endpoint(self, _request: Request) -> Response:
        """Answer GET /metrics; a driver that hangs or fails costs its own figures alone."""
        self._present.gpu_memory = await self._gpu_memory.value()
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class _Present(Collector):
    """The state at the moment of the scrape."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.gpu_memory: tuple[int, int] | None = None

    def describe(self) -> Iterable[Metric]:
        """Return nothing: asking for the state before the service runs would fail."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield every figure once."""
        yield from _worker_metrics(self._sources.worker(), self._sources.detection_worker())
        yield _gauge(
            "asr_open_uploads", "Uploads being received, waiting or decoded.", self._sources.open_uploads()
        )
        yield from _model_metrics(self._sources.loaded_engines())
        if self.gpu_memory is not None:
            used, total = self.gpu_memory
            yield _gauge("asr_gpu_memory_used_bytes", "GPU memory in use, by every process.", used)
            yield _gauge("asr_gpu_memory_total_bytes", "GPU memory of the device.", total)


def _worker_metrics(stats: WorkerStats, detection: WorkerStats) -> Iterable[Metric]:
    yield _gauge("asr_slots", "Requests that can be worked on at once.", stats.slots)
    yield _gauge("asr_running", "Requests being worked on.", stats.running)
    yield _gauge("asr_queue_depth", "Requests that wait for a slot.", stats.queued)
    yield _gauge("asr_queue_limit", "Requests that may wait.", stats.max_queue)
    yield _gauge("asr_detections_running", "Language detections being worked on.", detection.running)
    yield _gauge("asr_detections_waiting", "Language detections that wait.", detection.queued)
    yield _gauge("asr_slots_hung", "Slots whose work stopped responding.", stats.hung + detection.hung)
    yield _gauge("asr_slots_dead", "Slots whose thread died.", stats.dead + detection.dead)
    yield _gauge("asr_draining", "1 while the process finishes its last work.", float(stats.draining))
    finished = stats.finished_total + detection.finished_total
    yield CounterMetricFamily("asr_work_finished", "Pieces of work that ended.", value=finished)


def _model_metrics(engines: Iterable[ModelStatus]) -> Iterable[Metric]:
    loaded = GaugeMetricFamily("asr_model_loaded", "1 for each loaded engine.", labels=("kind", "name"))
    leases = GaugeMetricFamily(
        "asr_model_leases", "Requests that use the engine now.", labels=("kind", "name")
    )
    sizes = GaugeMetricFamily("asr_model_gpu_bytes", "GPU memory of the weights.", labels=("kind", "name"))
    totals: dict[tuple[str, str], tuple[int, int]] = {}
    for engine in engines:
        labels = engine.key.kind, engine.key.name
        held, size = totals.get(labels, (0, 0))
        totals[labels] = (held + engine.leases, size + engine.gpu_bytes)
    for labels, (held, size) in totals.items():
        loaded.add_metric(labels, 1)
        leases.add_metric(labels, held)
        sizes.add_metric(labels, size)
    return loaded, leases, sizes


def _gauge(name: str, meaning: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, value=value)
