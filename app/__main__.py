"""The command line: `python -m app serve` and `python -m app prefetch`."""

import argparse
import sys

from pydantic import ValidationError

from app.devices import ImplausibleSettings
from app.settings import Settings

BAD_SETTINGS = 2
"""Exit status when the settings make no sense; what is wrong is said on standard error."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` name; return the exit status."""
    parsed = _parser().parse_args(arguments)
    try:
        return _run(parsed, Settings())
    except ValidationError as exc:
        for error in exc.errors():
            print(f"{'.'.join(map(str, error['loc'])).upper()}: {error['msg']}", file=sys.stderr)
    except ImplausibleSettings as exc:
        print(exc, file=sys.stderr)
    return BAD_SETTINGS


def _run(parsed: argparse.Namespace, settings: Settings) -> int:
    if parsed.command == "serve":
        from app.serving import serve

        serve(settings, host=parsed.host, port=parsed.port)
    from app.prefetch import prefetch

    languages = tuple(code.strip() for code in parsed.languages.split(",") if code.strip())
    return prefetch(settings, parsed.models, languages=languages, diarization=parsed.diarization)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description="WhisperX ASR API service")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="answer requests until SIGTERM")
    serving.add_argument("--host", help="address to listen on (HOST)")
    serving.add_argument("--port", type=int, help="port to listen on, 0 for a free one (PORT)")
    fetching = commands.add_parser("prefetch", help="download models and check that they load")
    fetching.add_argument("models", nargs="+", metavar="MODEL", help="Whisper models by name")
    fetching.add_argument("--languages", default="en", help="languages to fetch aligners for, as en,de")
    fetching.add_argument(
        "--no-diarization",
        dest="diarization",
        action="store_false",
        help="leave the diarization pipeline out",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
