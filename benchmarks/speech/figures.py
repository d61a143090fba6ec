"""The figures that people compare, from the sums of a set."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

Sums = Mapping[str, float]


def share(part: str, whole: str, scale: float = 100.0) -> Callable[[Sums], float | None]:
    """Return what divides two of the sums; None where the set has none of the second."""

    def divided(sums: Sums) -> float | None:
        return scale * sums[part] / sums[whole] if part in sums and sums.get(whole) else None

    return divided


def mean_error(edge: str) -> Callable[[Sums], float | None]:
    """Return the mean of the errors at `edge`, start or end, in ms."""

    def mean(sums: Sums) -> float | None:
        errors = _errors(sums, edge)
        return sum(errors) / len(errors) if errors else None

    return mean


def most_errors(edge: str, part: float = 0.95) -> Callable[[Sums], float | None]:
    """Return what this part of the errors at `edge` does not exceed, in ms."""

    def percentile(sums: Sums) -> float | None:
        errors = sorted(_errors(sums, edge))
        return errors[min(int(part * len(errors)), len(errors) - 1)] if errors else None

    return percentile


def right_of_tenth(tenth: int) -> Callable[[Sums], float | None]:
    """Return how many in a hundred of the words with a score in this tenth are right."""
    return share(f"scored right {tenth}", f"scored {tenth}")


def calibration_error(sums: Sums) -> float | None:
    """Return how far scores are from the share of words that are right, in points, the mean over words."""
    words = sum(sums.get(f"scored {tenth}", 0) for tenth in range(10))
    apart = (abs(sums.get(f"scored right {t}", 0) - sums.get(f"promised {t}", 0)) for t in range(10))
    return 100 * sum(apart) / words if words else None


FIGURES: Mapping[str, Callable[[Sums], float | None]] = MappingProxyType(
    {
        "word error rate, %": share("word errors", "words"),
        "character error rate, %": share("character errors", "characters"),
        "chrF": share("chrF", "characters"),
        "invented words a minute": share("invented words", "audio seconds", 60.0),
        "phantom languages": lambda sums: sums.get("phantom languages"),
        "right language, %": share("right", "recordings"),
        "time in the right language, %": share("seconds right", "seconds written"),
        "recordings with a wrong language": lambda sums: sums.get("flipped"),
        "word starts, mean error, ms": mean_error("start"),
        "word starts, 95 %, ms": most_errors("start"),
        "word ends, mean error, ms": mean_error("end"),
        "word ends, 95 %, ms": most_errors("end"),
        **{
            f"words scored {tenth / 10:.1f} to {(tenth + 1) / 10:.1f} that are right, %": right_of_tenth(
                tenth
            )
            for tenth in range(10)
        },
        "scores, mean distance from the share that is right, points": calibration_error,
        "speech missed, %": share("speech missed", "speech"),
        "other sound called speech, %": share("other called speech", "other"),
        "seconds per audio minute": share("seconds", "audio seconds", 60.0),
        "processor seconds per audio minute": share("processor seconds", "audio seconds", 60.0),
        "transcribe stage, seconds per audio minute": share("stage transcribe", "audio seconds", 60.0),
    }
)
SHOWN: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "words": ("word error rate, %", "character error rate, %"),
        "english": ("chrF",),
        "invented": ("invented words a minute", "phantom languages"),
        "language": ("right language, %",),
        "passages": ("time in the right language, %", "recordings with a wrong language"),
        "borders": tuple(name for name in FIGURES if name.startswith("word ") and "ms" in name),
        "confidence": tuple(name for name in FIGURES if "score" in name),
        "missed": ("speech missed, %", "other sound called speech, %"),
        "time": (
            "seconds per audio minute",
            "processor seconds per audio minute",
            "transcribe stage, seconds per audio minute",
        ),
    }
)
"""The figures that each measure gives."""


def figures(measures: Sequence[str], sums: Sums) -> dict[str, float]:
    """Return the figures of a set with these measures, where there are any."""
    found = {name: FIGURES[name](sums) for measure in measures for name in SHOWN[measure]}
    return {name: round(value, 2) for name, value in found.items() if value is not None}


def _errors(sums: Sums, edge: str) -> list[float]:
    """Return the errors in ms, each as the middle of its bin of 10 ms."""
    bins = ((name.split()[1], count) for name, count in sums.items() if name.startswith(f"{edge} "))
    return [int(lower) + 5.0 for lower, count in bins for _ in range(int(count))]
