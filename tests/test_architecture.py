"""The house plan as a test: imports run one way, heavy libraries load late and in one place."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "core": {"core"},
    "embedding": {"core", "embedding"},
    "indexer": {"core", "embedding", "indexer"},
    "retrieval": {"core", "embedding", "indexer", "retrieval"},
    "training": {"core", "embedding", "training"},
    "benchmarks": {"core", "embedding", "indexer", "retrieval", "training", "benchmarks"},
}
READ_SIDE = {"indexer.library", "indexer.records"}  # what retrieval may know of the indexer
HEAVY = {
    "torch",
    "torchaudio",
    "torchvision",
    "onnxruntime",
    "faiss",
    "av",
    "librosa",
    "matplotlib",
    "onnx",
    "open_clip",
    "PIL",
    "soundfile",
    "fastapi",
    "starlette",
    "uvicorn",
}
HOMES = {
    "onnxruntime": {"embedding/session.py"},
    "faiss": {"indexer/vectors.py", "indexer/exact_index.py", "indexer/cell_index.py"},
}
WEB = {"fastapi", "starlette", "uvicorn"}  # known below retrieval/web/ only, and by its commands late


MODULES = [path for room in MAY_IMPORT for path in sorted((ROOT / room).rglob("*.py"))]


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def module_level(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    names = set(imported(ast.parse(path.read_text())))
    ours = {name for name in names if name.split(".")[0] in {*MAY_IMPORT, "cli", "tests"}}
    assert {name.split(".")[0] for name in ours} <= MAY_IMPORT[room]
    if room == "retrieval":
        assert {name for name in ours if name.startswith("indexer")} <= READ_SIDE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_heavy_libraries_load_late_and_in_one_place(path: Path) -> None:
    relative = str(path.relative_to(ROOT))
    tree = ast.parse(path.read_text())
    at_once = {name.split(".")[0] for name in module_level(tree)}
    in_web = relative.startswith("retrieval/web/")
    if not relative.startswith("training/"):
        late = HEAVY - WEB if in_web and not relative.endswith("commands.py") else HEAVY
        assert late.isdisjoint(at_once)
    for name in imported(tree):
        assert in_web or relative.startswith("benchmarks/") or name.split(".")[0] not in WEB
        homes = HOMES.get(name.split(".")[0])
        if homes is not None and not relative.startswith("training/convert/"):
            assert relative in homes or relative.startswith(("training/export", "benchmarks/"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_only_commands_know_typer() -> None:
    knowing = {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name.split(".")[0] == "typer" for name in imported(ast.parse(path.read_text())))
    }
    assert knowing == {
        "benchmarks/commands.py",
        "benchmarks/serve_commands.py",
        "benchmarks/soak_commands.py",
        "benchmarks/diversity_commands.py",
        "benchmarks/speed_commands.py",
        "benchmarks/story_commands.py",
        "core/options.py",
        "indexer/care_commands.py",
        "indexer/commands.py",
        "retrieval/commands.py",
        "retrieval/find_commands.py",
        "retrieval/map_commands.py",
        "retrieval/options.py",
        "retrieval/story/commands.py",
        "retrieval/web/commands.py",
        "training/commands.py",
    }


@pytest.mark.parametrize(
    "command", ["--help", "find-images --help", "serve --help", "train --help", "--version"]
)
def test_help_loads_no_heavy_library(command: str) -> None:
    heavy = sorted(HEAVY | {"numpy", "sqlalchemy", "alembic"})
    code = (
        "import sys, cli\n"
        f"assert cli.run({command.split()!r}) == 0\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert result.stderr.strip() == "[]"


def test_no_dependency_brings_a_package_of_our_names() -> None:
    owners = packages_distributions()
    for name in [*MAY_IMPORT, "samples", "cli"]:
        assert set(owners.get(name, [])) <= {"attune"}
