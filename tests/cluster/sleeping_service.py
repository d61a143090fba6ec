"""One process of the service on engines that sleep; arguments: its name, the journal, its address."""

import sys
from pathlib import Path
from typing import NoReturn

from app.logs import configure_logging
from app.main import create_app
from app.serving import serve_app
from app.settings.schema import Settings
from tests.cluster.sleeping_engines import SleepingEngines


def main(name: str, journal: str, host: str) -> NoReturn:
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    configure_logging(settings.log_format, settings.log_level)
    engines = SleepingEngines(path=Path(journal), writer=name)
    serve_app(create_app(settings, engines=engines), settings, host=host)


if __name__ == "__main__":
    main(*sys.argv[1:])
