"""Imports point one way, and heavy libraries stay inside the engines."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"

LAYERS = [
    [
        "app.transcript",
        "app.errors",
        "app.checkpoint",
        "app.logs",
        "app.options.languages",
        "app.models.known_models",
    ],
    [
        "app.formats",
        "app.speakers",
        "app.options.parsing",
        "app.options.rules",
        "app.options.fields",
        "app.models.catalogue",
    ],
    [
        "app.audio.decoder",
        "app.audio.waveform",
        "app.audio.ffmpeg",
        "app.audio.ffmpeg_allowlist",
        "app.audio.ffmpeg_messages",
        "app.audio.ffmpeg_timeline",
        "app.audio.decoded_track",
        "app.audio.downmix",
        "app.audio.recording_parts",
        "app.audio.wave_header",
        "app.audio.file_signature",
        "app.audio.sample_buffer",
        "app.engines.platform.device_plan",
    ],
    ["app.engines"],
    [
        "app.pipeline",
        "app.work.worker",
        "app.work.places",
        "app.work.fair_queue",
        "app.work.slot",
        "app.work.upload_store",
        "app.health.ledger",
        "app.health.preloader",
        "app.health.self_check",
    ],
    ["app.api"],
    ["app.settings.settings", "app.settings.names", "app.settings.values"],
    ["app.composition", "app.settings.models", "app.settings.start_checks"],
    ["app.main"],
    ["app.serving", "app.healthcheck", "app.prefetch", "app.__main__"],
    ["app.demo"],
]
"""Lowest first: a module may import its own layer and those below it."""

HEAVY = {
    "torch", "torchaudio", "whisperx", "faster_whisper", "ctranslate2",
    "pyannote", "transformers", "nltk", "pandas",
}  # fmt: skip


def modules() -> list[tuple[str, Path]]:
    found = []
    for path in sorted(APP.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found.append((name.removesuffix(".__init__"), path))
    return found


def imported_by(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def layer_of(name: str) -> int | None:
    best: tuple[int, int] | None = None
    for index, members in enumerate(LAYERS):
        for member in members:
            if name == member or name.startswith(member + "."):
                best = max(best or (0, 0), (len(member), index))
    return best[1] if best else None


@pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])
def test_imports_point_downwards(name: str, path: Path) -> None:
    """No module imports from a layer above its own."""
    if name == "app":
        return
    own = layer_of(name)
    assert own is not None, f"{name} is in no layer: add it to LAYERS"
    for imported in imported_by(path):
        if imported == "app.__version__" or not imported.startswith("app."):
            continue
        other = layer_of(imported)
        assert other is not None, f"{name} imports {imported}, which is in no layer"
        assert other <= own, f"{name} must not import {imported}, which stands above it"


@pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])
def test_formats_and_speakers_know_the_transcript_alone(name: str, path: Path) -> None:
    """Formatters and speaker assignment see nothing of the application but the transcript."""
    if not (name.startswith("app.formats") or name == "app.speakers"):
        return
    allowed = ("app.transcript", "app.formats", "app.speakers")
    assert all(not n.startswith("app.") or n.startswith(allowed) for n in imported_by(path))


@pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])
def test_heavy_libraries_are_imported_by_engines_only(name: str, path: Path) -> None:
    """torch, whisperx and pyannote appear inside app/engines and nowhere else."""
    if name.startswith("app.engines."):
        return
    assert not {imported.split(".")[0] for imported in imported_by(path)} & HEAVY


def test_the_application_starts_without_loading_an_engine() -> None:
    """Importing the composition root loads none of the heavy libraries."""
    code = f"import sys, app.main; sys.exit(' '.join({HEAVY!r} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_settings_are_read_by_the_composition_root_alone() -> None:
    """Only the entry points import Settings; everything else receives plain values."""
    entry_points = {"app.composition", "app.main", "app.serving", "app.prefetch", "app.__main__"}
    readers = {name for name, path in modules() if "app.settings.settings" in imported_by(path)}
    assert readers <= entry_points


def test_the_environment_is_read_in_settings_alone() -> None:
    """No module but settings asks the environment for a value."""
    readers = {name for name, path in modules() if reads_environment(path)}
    assert readers <= {"app.demo.__main__"}


def reads_environment(path: Path) -> bool:
    """Return whether the module looks something up in os.environ; telling libraries something is none."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr == "getenv")
        or (isinstance(node, ast.Subscript) and is_environ(node.value) and isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Attribute) and node.attr in ("get", "items") and is_environ(node.value))
        or (isinstance(node, ast.Dict) and any(map(is_environ, node.values)))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def is_environ(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"
