"""The service as `python -m app serve` starts it, but that it tries again within a second what failed."""

from typing import NoReturn

from app.health.preloader import RetryPauses
from app.logs import configure_logging
from app.main import create_app
from app.serving import serve_app
from app.settings.schema import Settings

SOON = RetryPauses(first=0.5, longest=1, search=0.5, tick=0.1)


def main() -> NoReturn:
    settings = Settings()
    configure_logging(settings.log_format, settings.log_level)
    serve_app(create_app(settings, pauses=SOON), settings, host="127.0.0.1")
