"""A test that cannot run is skipped with a reason; none is left out without a trace.

Only definitions under a condition of the module are found. A test that returns early, or leaves out some of
its assertions under a condition, is not found: review has to find it.
"""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parent


def test_no_test_is_defined_under_a_condition() -> None:
    """A test that is defined under an `if` of its module vanishes where the condition does not hold."""
    hidden = [
        f"{path.relative_to(TESTS)}:{node.lineno} {node.name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for statement in ast.parse(path.read_bytes()).body
        if isinstance(statement, ast.If | ast.Try)
        for node in ast.walk(statement)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert hidden == []
