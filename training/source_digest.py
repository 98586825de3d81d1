"""Digest of everything in the source that decides what a system learns: the key of stored fold results.

A version number that is kept by hand is forgotten. The digest follows from the syntax trees of the modules
that take part, so a changed constant, loss or layer gives another key, and a comment, a docstring or
formatting does not. Python releases print syntax trees differently: another release may give another digest,
and results are then computed again.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attune.training.systems.base import System

PACKAGE = "attune.training"
"""Modules of this package are followed. What other packages compute reaches a system through its inputs."""

FOLDER = Path(__file__).parent
"""Where the modules of `PACKAGE` lie."""


def digest_system(system: System, *modules: str) -> str:
    """Return a digest of a system's source and parameters.

    Args:
        system: The system. Its `repr` must name every parameter, as that of a dataclass does.
        modules: Further modules that take part in the result, by their full names.

    Returns:
        16 hexadecimal digits.
    """
    source = digest_source((type(system).__module__, *modules), FOLDER)
    return hashlib.sha256(f"{source}\n{system!r}".encode()).hexdigest()[:16]


@cache
def digest_source(modules: tuple[str, ...], folder: Path) -> str:
    """Return a digest of some modules and of all modules of `PACKAGE` that they import, directly or not.

    Args:
        modules: Full names of the modules, in any order.
        folder: Where the modules of `PACKAGE` lie.

    Returns:
        64 hexadecimal digits; read once per process.
    """
    trees: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _find_source(name, folder)
        if name not in trees and path is not None:
            trees[name], imports = _parse(name, path)
            waiting += imports
    return hashlib.sha256("\n".join(f"{name} {trees[name]}" for name in sorted(trees)).encode()).hexdigest()


def _find_source(name: str, folder: Path) -> Path | None:
    """Return a module's file; None for what is no module, such as a function that is imported by name."""
    if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
        file = getattr(sys.modules.get(name), "__file__", None)
        return None if file is None else Path(file)
    base = folder.joinpath(*name.removeprefix(PACKAGE).split("."))
    return next(
        (file for file in (base.with_name(f"{base.name}.py"), base / "__init__.py") if file.is_file()), None
    )


@cache
def _parse(name: str, path: Path) -> tuple[str, tuple[str, ...]]:
    """Return a module's syntax tree as text, and the names in `PACKAGE` that it may import."""
    tree = ast.parse(path.read_bytes())
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imports = tuple(imported for imported in _iter_imports(tree, package) if imported.startswith(PACKAGE))
    return ast.dump(_DocstringRemover().visit(tree)), imports


def _iter_imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield every name that is imported anywhere in a module, and the packages that it lies in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from _with_parents(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            # `from package import name` imports a module where the name is one.
            yield from _with_parents(f"{source}.{alias.name}" for alias in node.names)


def _with_parents(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


class _DocstringRemover(ast.NodeTransformer):
    """Removes statements that are a string alone: docstrings, of constants too."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
