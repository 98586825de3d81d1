"""`attune benchmark soak` without the tests, as in an installed wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from attune import cli


def test_without_the_tests_the_soak_says_that_it_needs_a_checkout(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("attune.tests.faults")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "attune.benchmarks.soak", raising=False)
    monkeypatch.setitem(sys.modules, "attune.tests.faults", None)  # importing it raises ModuleNotFoundError
    assert cli.run(["benchmark", "soak", "--kills", "1", "--files", "1"]) == 2
    output, error = capsys.readouterr()
    assert output == ""
    assert "source checkout" in error
    assert error.count("\n") == 1


def test_no_benchmark_but_the_soak_imports_the_tests() -> None:
    modules = (Path(__file__).parents[2] / "benchmarks").glob("*.py")
    importers = {path.name for path in modules if "from attune.tests" in path.read_text()}
    assert importers == {"soak.py"}
