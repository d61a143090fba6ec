"""What can be said about the image without building it; tests/image builds and runs it."""

import fnmatch
import importlib.util
import json
import re
import subprocess
from importlib.metadata import requires
from pathlib import Path
from types import ModuleType

import pytest

import app
from tools.docs.settings import FIXED_IN_IMAGE

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def dockerfile() -> str:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(kept).replace("\\\n", " ")


def instruction(name: str) -> str:
    found = re.findall(rf"^{name} (.+)$", dockerfile(), re.MULTILINE)
    assert found, f"no {name}"
    return str(found[-1])


def load_tool() -> ModuleType:
    """tools/image runs on a bare Python, so it is a script and no package."""
    spec = importlib.util.spec_from_file_location("torch_packages", ROOT / "tools/image/torch_packages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


torch_packages = load_tool()


def names_of(lock: str) -> set[str]:
    return {name for name, _ in torch_packages.entries(lock)}


def test_every_locked_package_is_installed_or_named_as_unused() -> None:
    """The two layers share nothing and together hold the lock but for the packages said to be unused."""
    torch, others = names_of(torch_packages.locked(LOCK)), names_of(torch_packages.others(LOCK))
    assert not torch & others
    assert torch | others | set(torch_packages.UNUSED) == names_of(LOCK)


def test_every_entry_keeps_its_hashes() -> None:
    count = LOCK.count("--hash=sha256:")
    unused = sum(
        block.count("--hash=sha256:")
        for name, block in torch_packages.entries(LOCK)
        if name in torch_packages.UNUSED
    )
    split = torch_packages.locked(LOCK) + torch_packages.others(LOCK)
    assert split.count("--hash=sha256:") == count - unused


def test_another_index_gives_the_same_versions_without_hashes() -> None:
    lines = torch_packages.versions(LOCK).splitlines()
    assert [line.split("==")[0] for line in lines] == ["torch", "torchaudio", "torchvision"]
    assert all(re.fullmatch(r"[a-z]+==[0-9.]+", line) and line in LOCK for line in lines)


def test_the_cuda_libraries_of_the_installed_torch_are_found() -> None:
    """They are those of the lock, read from torch itself as in a build with another index."""
    asked = {torch_packages.name_of(line) for line in torch_packages.libraries().splitlines()}
    locked = {name for name in names_of(LOCK) if name.startswith("nvidia-")}
    assert asked == (locked if any("nvidia-" in line for line in requires("torch") or ()) else set())


def test_no_source_file_imports_a_package_that_stays_out_of_the_image() -> None:
    """At the top of a module such an import would end the start of the service."""
    modules = "|".join(name.replace("-", "_") for name in torch_packages.UNUSED)
    for path in (ROOT / "app").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(rf"^(import|from) ({modules})\b", source, re.MULTILINE), path


def test_the_probe_and_the_entry_point_are_in_exec_form() -> None:
    """A shell in between would swallow SIGTERM."""
    assert json.loads(instruction("ENTRYPOINT")) == ["python", "-m", "app"]
    command = json.loads(instruction("CMD"))
    assert command[0] == "serve"
    probe = re.search(r"CMD (\[.*\])", instruction("HEALTHCHECK"))
    assert probe is not None
    assert json.loads(probe[1]) == ["python", "-m", "app.healthcheck", command[command.index("--port") + 1]]
    assert instruction("EXPOSE") == command[command.index("--port") + 1]


def test_the_image_runs_as_an_ordinary_user_with_one_volume() -> None:
    assert instruction("USER") == "1000:1000"
    assert instruction("VOLUME") == "/.cache"


def chosen() -> dict[str, str]:
    """The variables of the last ENV."""
    return dict(pair.split("=", 1) for pair in instruction("ENV").split())


def test_any_other_user_can_write_to_a_new_volume() -> None:
    """A volume takes owner and mode from the directory of the image: like /tmp it is open to every uid."""
    (made,) = re.findall(r"install --directory (.*) /\.cache", dockerfile())
    assert made.split() == ["--owner", "1000", "--group", "0", "--mode", "1777"]


def test_a_uid_without_a_name_has_a_home_and_a_user_name() -> None:
    """getpass.getuser asks for the name of the uid, and raises, unless the environment has one."""
    assert (chosen()["HOME"], bool(chosen()["USER"])) == ("/tmp", True)


def test_what_should_outlive_a_container_lies_on_the_volume() -> None:
    kept = [chosen()[name] for name in ("CACHE_DIR", "TEMP_DIR", "CUDA_CACHE_PATH")]
    assert all(path == "/.cache" or path.startswith("/.cache/") for path in kept)


def test_the_image_chooses_what_compose_does_not_forward() -> None:
    chosen = set(re.findall(r"\b([A-Z_]+)=", instruction("ENV"))) | {"HOST", "PORT"}
    assert set(FIXED_IN_IMAGE) <= chosen
    assert "--host 0.0.0.0 --port 9000" in " ".join(json.loads(instruction("CMD")))


def test_nothing_is_downloaded_without_a_hash_by_default() -> None:
    installs = re.findall(r"(?:pip|uv pip) install [^&;]+", dockerfile())
    assert installs
    assert all("--require-hashes" in line or '--index-url "$TORCH_INDEX"' in line for line in installs)
    assert 'if [ -z "$TORCH_INDEX" ]' in dockerfile()


def test_only_what_is_copied_enters_the_build() -> None:
    """.dockerignore begins with everything and takes back what COPY names."""
    rules = [
        line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"
    ]
    assert rules[0] == "*"
    copied = [
        word for line in re.findall(r"^COPY (.+)$", dockerfile(), re.MULTILINE) for word in line.split()[:-1]
    ]
    for path in (word for word in copied if not word.startswith("--")):
        assert f"!{path}" in rules, f"{path} is copied but left out of the build"
        assert (ROOT / path).exists()
    for secret in (".env", ".git", "tests", "build"):
        assert not any(fnmatch.fnmatch(secret, rule[1:]) for rule in rules if rule.startswith("!"))


def test_the_version_stands_in_one_place() -> None:
    """The label comes from app/__init__.py through make image."""
    assert "__version__" in (ROOT / "Makefile").read_text(encoding="utf-8")
    planned = subprocess.run(
        ["make", "-n", "image"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert f"VERSION={app.__version__}" in planned
    everything = subprocess.run(
        ["git", "grep", "-lF", f'"{app.__version__}"', "--", "*.py", "*.toml", "Dockerfile", "*.yml"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert everything.stdout.split() in ([], ["app/__init__.py"])


@pytest.mark.parametrize(
    "name", ["Dockerfile", "docker-compose.yml", "docker-compose.dev.yml", ".env.example"]
)
def test_no_file_holds_a_secret(name: str) -> None:
    assert not re.search(r"hf_[A-Za-z0-9]{8,}", (ROOT / name).read_text(encoding="utf-8"))
