"""Imports point one way, and heavy libraries stay inside the engines."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "app"

LAYERS = (
    ("errors", "transcript", "checkpoint", "stage", "events", "logs", "concurrency"),
    (
        "audio",
        "options",
        "formats",
        "speakers",
        "known_speakers",
        "time_shift",
        "chinese_script",
        "retelling",
        "pace",
        "progress",
    ),
    ("models",),
    ("engines", "request_context"),
    ("pipeline", "channels", "known_text", "word_times", "voice_samples", "work", "health"),
    ("api",),
    ("settings",),
    ("composition",),
    ("main",),
    ("serving", "cluster", "prefetch", "healthcheck", "__main__", "demo"),
)
"""The packages and files of app/, lowest first: each may import its own layer and those below it."""

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


def layer_of(module: str) -> int:
    """Return the number of the layer of `module`; "app.audio.decoder" is in that of "audio"."""
    part = module.split(".")[1]
    found = [number for number, members in enumerate(LAYERS) if part in members]
    assert found, f"app/{part} is in no layer: add it to LAYERS"
    return found[0]


def test_imports_point_downwards() -> None:
    """No module imports from a layer above its own."""
    upwards = [
        f"{name} imports {imported}"
        for name, path in modules()
        for imported in imported_by(path)
        if imported.startswith("app.") and imported != "app.__version__" and name != "app"
        if layer_of(imported) > layer_of(name)
    ]
    assert not upwards


def test_formats_and_speakers_know_the_transcript_alone() -> None:
    """Formatters and speaker assignment see nothing of the application but the transcript."""
    allowed = ("app.transcript", "app.formats", "app.speakers")
    strangers = [
        f"{name} imports {imported}"
        for name, path in modules()
        if name.startswith(("app.formats", "app.speakers"))
        for imported in imported_by(path)
        if imported.startswith("app.") and not imported.startswith(allowed)
    ]
    assert not strangers


def test_the_api_knows_no_engine() -> None:
    """What speaks HTTP sees the pipeline and what is loaded, and no engine behind them."""
    routes = [(name, imported_by(path)) for name, path in modules() if name.startswith("app.api")]
    assert routes
    assert not [name for name, imported in routes if any(each.startswith("app.engines") for each in imported)]


def test_heavy_libraries_are_imported_by_engines_only() -> None:
    """torch, whisperx and pyannote appear inside app/engines and nowhere else."""
    strangers = [
        f"{name} imports {imported}"
        for name, path in modules()
        if not name.startswith("app.engines.")
        for imported in imported_by(path)
        if imported.split(".")[0] in HEAVY
    ]
    assert not strangers


def test_ray_is_imported_by_the_entry_of_a_cluster_alone() -> None:
    """The service and its default image do without it."""
    users = {name for name, path in modules() for each in imported_by(path) if each.split(".")[0] == "ray"}
    assert users == {"app.cluster"}


def test_the_application_starts_without_loading_an_engine() -> None:
    """Importing the composition root loads none of the heavy libraries."""
    code = f"import sys, app.main; sys.exit(' '.join({HEAVY!r} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_settings_are_read_by_the_composition_root_alone() -> None:
    """Only the entry points import Settings; everything else receives plain values."""
    entry_points = {
        "app.composition",
        "app.main",
        "app.serving",
        "app.cluster",
        "app.prefetch",
        "app.__main__",
    }
    readers = {name for name, path in modules() if "app.settings.schema" in imported_by(path)}
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
