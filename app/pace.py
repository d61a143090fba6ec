"""How fast this machine is: seconds that each stage takes for a second of sound, learned from what it did."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from app.stage import Stage
from app.transcript import Seconds

MEMORY = 0.7
"""What the requests before the latest one count, each for less than the one after it."""

USUAL_SHARES: Mapping[Stage, float] = MappingProxyType(
    {Stage.DECODE: 0.02, Stage.TRANSCRIBE: 0.55, Stage.DIARIZE: 0.3, Stage.ALIGN: 0.13}
)
"""Of a request's time, in the order in which stages run: what stands for a stage that has not run yet."""


@dataclass(slots=True)
class _Account:
    """What one stage of one model took, of late."""

    spent: Seconds = 0.0
    sound: Seconds = 0.0

    @property
    def rate(self) -> float:
        return self.spent / self.sound


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds per second of sound that each stage of one model should take."""

    by_stage: Mapping[Stage, float]
    learned: bool
    """False: they are in proportion to each other, and nobody knows yet how fast this machine is."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Learns from every request that was finished, in any thread, and forgets what is long ago."""

    _accounts: dict[tuple[str, Stage], _Account] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, model: str, stage_seconds: Mapping[Stage, Seconds], audio_seconds: Seconds) -> None:
        """Take account of one finished request; long recordings count more than short ones."""
        if audio_seconds <= 0:
            return
        with self._lock:
            for stage in USUAL_SHARES.keys() & stage_seconds.keys():
                account = self._accounts.setdefault((model, stage), _Account())
                account.spent = MEMORY * account.spent + stage_seconds[stage]
                account.sound = MEMORY * account.sound + audio_seconds

    def rates(self, model: str, stages: tuple[Stage, ...]) -> Rates:
        """Return the rates of `stages`; those of stages that never ran are in proportion to the others."""
        with self._lock:
            known = {
                stage: self._accounts[model, stage].rate
                for stage in stages
                if (model, stage) in self._accounts
            }
        share = sum(USUAL_SHARES[stage] for stage in known)
        scale = sum(known.values()) / share if known else 1.0
        return Rates({stage: known.get(stage, scale * USUAL_SHARES[stage]) for stage in stages}, bool(known))
