"""Test of an installation: `make demo` in a fresh copy, then the wheel without the sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).resolve().parents[2]


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
    """A copy of all files that git tracks or would track."""
    folder = tmp_path_factory.mktemp("fresh") / "attune"
    names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT).split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


def check_demo(output: str, page: Path) -> None:
    assert "pictures" in output
    html = page.read_text(encoding="utf-8")
    assert html.count("<section") == 4
    assert html.count("<audio") >= 4
    assert html.count("<img") >= 20
    assert 'src="http' not in html


def test_make_demo_then_the_wheel_alone(checkout: Path, tmp_path: Path) -> None:
    output = run("make", "demo", f"PYTHON={sys.executable}", cwd=checkout)
    check_demo(output, checkout / "demo.html")
    installed = run(checkout / ".venv/bin/pip", "list", cwd=checkout).lower()
    assert "torch" not in installed
    assert "librosa" not in installed

    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, cwd=checkout)
    python = checkout / ".venv" / "bin" / "python"
    run(
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--force-reinstall",
        *tmp_path.glob("*.whl"),
        cwd=tmp_path,
    )
    for path in checkout.iterdir():  # delete the sources and keep the environment
        if path.name != ".venv":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    output = run(checkout / ".venv/bin/attune", "demo", "-o", tmp_path / "wheel.html", cwd=tmp_path)
    check_demo(output, tmp_path / "wheel.html")
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {name for name in ZipFile(wheel).namelist() if name.startswith("attune/retrieval/web/static/")}
    static = ROOT / "retrieval" / "web" / "static"
    assert shipped == {f"attune/{path.relative_to(ROOT)}" for path in static.rglob("*") if path.is_file()}
    serve = subprocess.run([checkout / ".venv/bin/attune", "serve"], capture_output=True, text=True)
    assert (serve.returncode, "attune-affect[web]" in serve.stderr) == (1, True)
