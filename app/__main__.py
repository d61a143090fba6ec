"""The command line: `python -m app serve` and `python -m app prefetch`."""

import argparse
import logging
import sys
from typing import NoReturn

from app.errors import InvalidSettings
from app.logs import configure_logging
from app.settings.field_types import split_list
from app.settings.schema import Settings, misspelt_names, read_settings
from app.settings.start_checks import check_address, check_cache, check_ffmpeg, check_processor, check_uploads

logger = logging.getLogger(__name__)

BAD_SETTINGS = 2
"""Exit status when the settings or the machine make no start possible; standard error says what is wrong."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` name; return the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        check_processor()
        return _run(parsed, read_settings())
    except InvalidSettings as exc:
        print(exc, file=sys.stderr)
        return BAD_SETTINGS


def _run(parsed: argparse.Namespace, settings: Settings) -> int:
    serving = parsed.command == "serve"
    if serving:
        configure_logging(settings.log_format, settings.log_level)
    for sentence in misspelt_names():
        logger.warning(sentence)
    check_cache(settings.cache_dir, offline=settings.hf_hub_offline)
    return _serve(parsed, settings) if serving else _prefetch(parsed, settings)


def _serve(parsed: argparse.Namespace, settings: Settings) -> NoReturn:
    """Check what the service needs, then import the application, which takes seconds, and run it."""
    host, port = parsed.host or settings.host, settings.port if parsed.port is None else parsed.port
    check_uploads(settings.temp_dir)
    check_ffmpeg()
    check_address(host, port)
    from app.serving import serve

    serve(settings, host=host, port=port)


def _prefetch(parsed: argparse.Namespace, settings: Settings) -> int:
    from app.prefetch import prefetch

    return prefetch(settings, parsed.models, languages=parsed.languages, diarization=parsed.diarization)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description="WhisperX ASR API service")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="answer requests until SIGTERM")
    serving.add_argument("--host", help="address to listen on (HOST)")
    serving.add_argument("--port", type=_port, help="port to listen on, 0 for a free one (PORT)")
    fetching = commands.add_parser("prefetch", help="download models and check that they load")
    fetching.add_argument("models", nargs="+", metavar="MODEL", help="Whisper models by name")
    fetching.add_argument(
        "--languages", type=split_list, default="en", help="languages to fetch aligners for, as en,de"
    )
    fetching.add_argument(
        "--no-diarization",
        dest="diarization",
        action="store_false",
        help="leave the diarization pipeline out",
    )
    return parser


def _port(text: str) -> int:
    """Return the number of a port; argparse turns the ValueError of anything else into status 2."""
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{number} is not from 0 to 65535")
    return number


if __name__ == "__main__":
    sys.exit(main())
