"""From nothing: `make demo` in a fresh copy, and the wheel outside any checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]
IGNORED = (
    *(".git", ".venv", ".venv-dev", ".build", "build", "dist", ".layout", ".cache", "*.egg-info", "*.whl"),
    *("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"),
)
PACKAGED = {
    *("benchmarks", "core", "embedding", "indexer", "retrieval", "samples", "training"),
    *("__init__.py", "__main__.py", "api.py", "cli.py", "py.typed"),
}


def run(*command: object, cwd: Path) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL")}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the checkout without files that git ignores."""
    folder = tmp_path_factory.mktemp("fresh") / "attune"
    is_repository = (ROOT / ".git").exists() and shutil.which("git") is not None
    for name in list_with_git() if is_repository else list_without_git(ROOT):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def list_with_git() -> list[Path]:
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    return [Path(name) for name in names if name]


def list_without_git(root: Path) -> list[Path]:
    """Return the files of a checkout that is no git repository, such as an unpacked archive."""
    files: list[Path] = []
    for parent, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_ignored(name)]
        files += [(Path(parent) / name).relative_to(root) for name in names if not is_ignored(name)]
    return files


def is_ignored(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in IGNORED)


def test_a_checkout_without_git_is_listed_without_ignored_files(tmp_path: Path) -> None:
    wanted = {"cli.py", "core/errors.py", "samples/music/song.opus", ".gitignore"}
    ignored = {".venv/bin/python", "core/__pycache__/errors.pyc", "attune_affect.egg-info/PKG-INFO", "a.whl"}
    for name in wanted | ignored:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert {path.as_posix() for path in list_without_git(tmp_path)} == wanted


def check_demo(output: str, page: Path) -> None:
    assert "pictures" in output
    html = page.read_text(encoding="utf-8")
    assert html.count("<section") == 6
    assert html.count("<audio") >= 6
    assert html.count("<img") >= 30
    assert 'src="http' not in html


@pytest.fixture(scope="module")
def wheel(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, cwd=checkout)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.mark.slow
def test_the_wheel_holds_every_tracked_file_of_the_package_and_nothing_else(
    checkout: Path, wheel: Path
) -> None:
    files = (path.relative_to(checkout) for path in checkout.rglob("*") if path.is_file())
    belongs = {
        f"attune/{path.as_posix()}"
        for path in files
        if path.parts[0] in PACKAGED and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == belongs


@pytest.mark.slow
def test_make_demo_then_the_wheel_alone(checkout: Path, wheel: Path, tmp_path: Path) -> None:
    output = run("make", "demo", f"PYTHON={sys.executable}", cwd=checkout)
    check_demo(output, checkout / "demo.html")
    installed = run(checkout / ".venv/bin/pip", "list", cwd=checkout).lower()
    assert "torch" not in installed
    assert "librosa" not in installed

    python = checkout / ".venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-deps", "--force-reinstall", wheel, cwd=tmp_path)
    for path in checkout.iterdir():  # delete the sources and keep the environment
        if path.name != ".venv":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    output = run(checkout / ".venv/bin/attune", "demo", "-o", tmp_path / "wheel.html", cwd=tmp_path)
    check_demo(output, tmp_path / "wheel.html")
    script = tmp_path / "script.py"  # runs once, though it has no guard
    script.write_text(
        "import attune\nfrom attune.retrieval.demo import SAMPLES\n"
        "library = attune.build(SAMPLES / 'photos', library='library', quiet=True)\n"
        "print(library.images, library.skipped)\n"
    )
    assert run(python, script, cwd=tmp_path) == "84 []\n"
    serve = subprocess.run([checkout / ".venv/bin/attune", "serve"], capture_output=True, text=True)
    assert (serve.returncode, "attune-affect[web]" in serve.stderr) == (1, True)
    soak = subprocess.run(
        [checkout / ".venv/bin/attune", "benchmark", "soak"], capture_output=True, text=True
    )
    assert soak.returncode in (1, 2)
    assert "Traceback" not in soak.stderr

    install_a_neighbour(python, tmp_path / "neighbour")
    assert run(checkout / ".venv/bin/neighbour", cwd=tmp_path) == "core, training and cli of the neighbour\n"
    assert run(checkout / ".venv/bin/attune", "--version", cwd=tmp_path).startswith("attune ")


def install_a_neighbour(python: Path, folder: Path) -> None:
    """Install another project whose packages have the names of ours."""
    for name in ("core", "training"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"NAME = {name!r}\n")
    (folder / "cli.py").write_text(
        "import core, training\n\n\ndef main():\n"
        "    print(f'{core.NAME}, {training.NAME} and cli of the neighbour')\n"
    )
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "neighbour"\nversion = "1"\nscripts = { neighbour = "cli:main" }\n'
        '[tool.setuptools]\npackages = ["core", "training"]\npy-modules = ["cli"]\n'
    )
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder / "dist", cwd=folder)
    run(python, "-m", "pip", "install", "-q", "--no-deps", *(folder / "dist").glob("*.whl"), cwd=folder)
