"""What one request brings to the stages and gathers on its way through them."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from app.events import Listener, StageBegan, StageEnded, nobody_listens
from app.models.model_spec import ModelSpec
from app.options.asr_options import AsrOptions
from app.stage import Stage
from app.transcript import AudioTrack, Seconds

T = TypeVar("T")


class Sample(Protocol):
    """A recording of one voice."""

    def open(self) -> AbstractContextManager[Path]:
        """Yield a path to it, valid inside the `with` block alone."""
        ...


@dataclass(frozen=True, slots=True)
class KnownSpeaker:
    """Somebody whose voice the client knows by name."""

    name: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class Extras:
    """What an API may ask for beyond the options of POST /asr."""

    soon: bool = False
    """The first text is wanted as soon as there is any, though the whole then takes longer."""
    token_logprobs: bool = False
    """Segments are to tell the probability of each token, which takes one more look of the decoder."""
    speakers_required: bool = False
    """Diarization that fails is to fail the request: an answer without speakers is of no use."""
    known_speakers: tuple[KnownSpeaker, ...] = ()


@dataclass(slots=True)
class RequestContext:
    """Made where a request enters; the stages read what it asks for and add what they learn."""

    model: ModelSpec
    options: AsrOptions
    warnings: list[str] = field(default_factory=list)
    """What the client must know of the answer, in the order in which it was found."""
    stage_seconds: dict[Stage, float] = field(default_factory=dict)
    """Wall time of each stage that ran, in the order in which they ended."""
    audio_seconds: Seconds | None = None
    """Length of what is worked on, once it is decoded."""
    tracks: tuple[AudioTrack, ...] = ()
    """All sound tracks of the file, once it is decoded."""
    extras: Extras = Extras()
    tell: Listener = nobody_listens
    """Called with what happens on the way, in the thread where it happens."""

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Add the wall time of the block to `stage_seconds[name]`."""
        self.tell(StageBegan(name))
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.stage_seconds[name] = self.stage_seconds.get(name, 0.0) + spent
            self.tell(StageEnded(name))

    @contextmanager
    def using(self, name: Stage, lending: AbstractContextManager[T]) -> Iterator[T]:
        """Lend an engine for the block: the wait for it counts as Stage.LOAD, the block as `name`."""
        with ExitStack() as stack:
            with self.stage(Stage.LOAD):
                engine = stack.enter_context(lending)
            with self.stage(name):
                yield engine
