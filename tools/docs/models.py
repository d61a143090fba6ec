"""What is known of models: the languages that have an aligner."""

from textwrap import fill

from app.models.known_models import ALIGNER_SOURCES
from app.options.languages import LANGUAGES


def languages_line() -> str:
    """Return the languages for which an aligner is known, as a sentence."""
    names = sorted(f"{LANGUAGES[code].title()} ({code})" for code in ALIGNER_SOURCES)
    return fill(f"{len(names)} languages have one: {', '.join(names)}.", 120, break_on_hyphens=False) + "\n"
