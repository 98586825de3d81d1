"""Architecture rules: one package, imports run one way, heavy libraries load late and in one place."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
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
EVERYTHING = {*MAY_IMPORT, "cli", "tests"}
READ_SIDE = {"attune.indexer.library", "attune.indexer.records"}  # what retrieval may know of the indexer
FAULT_INJECTION = "attune.tests.faults"  # the soak benchmark runs it, late, from a checkout
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
    "pyarrow",
    "tokenizers",
    "PIL",
    "soundfile",
    "fastapi",
    "starlette",
    "uvicorn",
    "psycopg",
    "psycopg_binary",
}
HOMES = {
    "onnxruntime": {"embedding/onnx_session.py"},
    "faiss": {"indexer/vector_index.py"},
    "pyarrow": {"core/parquet.py"},
    "tokenizers": {"embedding/text_tower.py", "training/encoders/clip_tokenizer.py"},
}
HOME_FOLDERS = {
    "psycopg": "indexer/postgres/",
    "alembic": "indexer/postgres/migrations/",
    "sqlalchemy": "indexer/",
}
LOADED_LATE = {"indexer/postgres/patient_connection.py"}  # a class of the driver's, which is imported late
WEB = {"fastapi", "starlette", "uvicorn"}  # known below retrieval/web/ only, and by its commands late
TYPER = {
    "cli.py",
    "core/common_options.py",
    "retrieval/query_options.py",
}  # beside the modules called …commands.py

MODULES = [path for package in MAY_IMPORT for path in sorted((ROOT / package).rglob("*.py"))]
FRONT = [ROOT / name for name in ("__init__.py", "__main__.py", "api.py", "cli.py")]
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    """The modules that a tree imports; of `from attune import cli` also `attune.cli`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module
            if node.module == "attune":
                yield from (f"attune.{alias.name}" for alias in node.names)


def module_level(statements: list[ast.stmt]) -> Iterator[str]:
    """The modules that are imported as soon as a module is, also under `try`, `if` and `with`."""
    for node in statements:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imported(node)
        elif isinstance(node, ast.With):
            yield from module_level(node.body)
        elif isinstance(node, ast.If):
            yield from module_level([] if is_type_checking(node.test) else node.body)
            yield from module_level(node.orelse)
        elif isinstance(node, ast.Try | ast.TryStar):
            handled = [statement for handler in node.handlers for statement in handler.body]
            yield from module_level([*node.body, *handled, *node.orelse, *node.finalbody])


def is_type_checking(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def wrong_imports(source: str, package: str) -> list[str]:
    """Imports that the rules forbid a module of a package: upward, or our packages without `attune.`."""
    return [name for name in imported(ast.parse(source)) if not may_import(package, name)]


def may_import(package: str, name: str) -> bool:
    first, _, rest = name.partition(".")
    if first != "attune":
        return first not in EVERYTHING  # would load a second copy of the module, with classes of its own
    target = rest.split(".")[0]
    if package == "retrieval" and target == "indexer":
        return name in READ_SIDE
    if package == "benchmarks" and name.startswith(FAULT_INJECTION):
        return True
    return target in {"", *MAY_IMPORT[package]}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_run_one_way(path: Path) -> None:
    assert wrong_imports(path.read_text(), relative(path).split("/")[0]) == []


@pytest.mark.parametrize("path", [*FRONT, *TESTS], ids=relative)
def test_no_import_without_the_name_of_the_package(path: Path) -> None:
    firsts = {name.split(".")[0] for name in imported(ast.parse(path.read_text()))}
    assert firsts.isdisjoint(EVERYTHING)


@pytest.mark.parametrize(
    ("package", "planted"),
    [
        ("core", "from attune.retrieval import search"),
        ("core", "from attune.retrieval.search import nearest"),
        ("core", "import attune.retrieval.search"),
        ("core", "import core"),
        ("retrieval", "from core.errors import AttuneError"),
        ("retrieval", "from attune.indexer.build import build"),
        ("training", "from attune import cli"),
        ("embedding", "def late():\n    from attune.indexer import library"),
        ("indexer", "from attune.tests.faults import kill_rounds"),
    ],
)
def test_a_planted_import_is_found(package: str, planted: str) -> None:
    assert wrong_imports(planted, package)


@pytest.mark.parametrize(
    "planted",
    [
        "import torch",
        "try:\n    import torch\nexcept ImportError:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    import torch",
        "try:\n    pass\nfinally:\n    import torch",
        "if condition:\n    pass\nelse:\n    from torch import nn",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import torch",
        "with suppress(ImportError):\n    if condition:\n        import torch",
    ],
)
def test_a_planted_import_at_module_level_is_found(planted: str) -> None:
    assert list(module_level(ast.parse(planted).body)) == ["torch"]


@pytest.mark.parametrize(
    "planted", ["if TYPE_CHECKING:\n    import torch", "def late() -> None:\n    import torch"]
)
def test_an_import_that_does_not_run_with_the_module_is_left_out(planted: str) -> None:
    assert list(module_level(ast.parse(planted).body)) == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_heavy_libraries_load_late_and_in_one_place(path: Path) -> None:
    name_of_file = relative(path)
    tree = ast.parse(path.read_text())
    at_once = {name.split(".")[0] for name in module_level(tree.body)}
    in_web = name_of_file.startswith("retrieval/web/")
    if not name_of_file.startswith("training/") and name_of_file not in LOADED_LATE:
        late = HEAVY - WEB if in_web and not name_of_file.endswith("commands.py") else HEAVY
        assert late.isdisjoint(at_once)
    for name in imported(tree):
        assert in_web or name_of_file.startswith("benchmarks/") or name.split(".")[0] not in WEB
        assert name_of_file.startswith(HOME_FOLDERS.get(name.split(".")[0], ""))
        homes = HOMES.get(name.split(".")[0])
        if homes is not None and not name_of_file.startswith("training/convert/"):
            assert name_of_file in homes or name_of_file.startswith(("training/export", "benchmarks/"))


def test_no_name_means_two_things() -> None:
    """Each module stem and each class name occurs once, so that a search for it finds one place."""
    stems = Counter(path.stem for path in MODULES if path.stem not in {"__init__", "commands"})
    classes = Counter(
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in (stems + classes).items() if count > 1] == []


@pytest.mark.slow
def test_only_commands_know_typer() -> None:
    knowing = {
        relative(path)
        for path in [*MODULES, *FRONT]
        if any(name.split(".")[0] == "typer" for name in imported(ast.parse(path.read_text())))
    }
    assert {name for name in knowing if not name.endswith("commands.py")} == TYPER


@pytest.mark.parametrize(
    "command", ["--help", "find-images --help", "serve --help", "train --help", "export --help", "--version"]
)
def test_help_loads_no_heavy_library(command: str) -> None:
    heavy = sorted(HEAVY | {"numpy", "sqlalchemy", "alembic"})
    code = (
        "import sys\nfrom attune import cli\n"
        f"assert cli.run({command.split()!r}) == 0\n"
        f"print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert result.stderr.strip() == "[]"


@pytest.mark.parametrize("command", ["status", "browse --mood calm", "build-index --quiet", "verify"])
def test_a_library_in_a_folder_needs_nothing_of_databases(built: Path, tmp_path: Path, command: str) -> None:
    """Those who only read need no SQLAlchemy either: its import takes longer than a query."""
    unwanted = ["psycopg", "psycopg_binary", "alembic", "attune.indexer.postgres.postgres_store"]
    if command.split()[0] in {"status", "browse"}:
        unwanted.append("sqlalchemy")
    library = shutil.copytree(built, tmp_path / "library")
    code = (
        "import sys\nfrom attune import cli\n"
        "for name in ('psycopg', 'alembic'): sys.modules[name] = None\n"
        f"assert cli.run({[*command.split(), '--library', str(library)]!r}) == 0\n"
        f"print([name for name in {unwanted!r} if sys.modules.get(name) is not None], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert result.stderr.strip() == "[]"


@pytest.mark.parametrize("command", ["status", "build-index .", "find-images x.flac", "verify"])
def test_a_library_in_a_database_says_what_to_install(command: str) -> None:
    arguments = [*command.split(), "--library", "postgresql://me@127.0.0.1:9/attune"]
    code = f"import sys\nsys.modules['psycopg'] = None\nfrom attune import cli\nexit(cli.run({arguments!r}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode != 0
    assert 'pip install "attune-affect[postgres]"' in result.stderr
    assert result.stderr.count("\n") == 1


def test_importing_the_package_loads_nothing_of_others() -> None:
    code = "import sys; before = set(sys.modules); import attune; print(sorted(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stdout.strip() == "['attune']", result.stderr


def test_every_package_is_listed() -> None:
    """pyproject lists the packages of the wheel by hand, since the root itself is one of them."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent for path in MODULES}
    found = {"attune", *(f"attune.{relative(folder).replace('/', '.')}" for folder in folders)}
    assert sorted(listed) == sorted(found)


def test_no_dependency_brings_a_package_of_our_name() -> None:
    assert set(packages_distributions().get("attune", [])) <= {"attune-affect"}
