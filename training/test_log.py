"""Every look at the test split is written down: `docs/test-log.csv` of the checkout."""

from __future__ import annotations

import csv
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from attune.training.evaluation_report import EvaluationReport

LOG = Path(__file__).parent.parent / "docs" / "test-log.csv"

_COLUMNS = ("date", "commit", "network", "images", "music", "accuracy", "low", "high", "auc", "ece")


def log_test_run(report: EvaluationReport, system: str) -> None:
    """Append a run's figures; an installed Attune, outside a checkout, keeps no log.

    Args:
        report: What was found.
        system: The network's id, or name and version of a system that is not shipped.
    """
    if not (LOG.parent.parent / "pyproject.toml").is_file():
        return
    document = report.to_json()
    correspondence, protocol = document["correspondence"], document["protocol"]
    low, high = correspondence["ci95"] or (None, None)
    sets = ["+".join(protocol["image_sets"]), "+".join(protocol["music_sets"])]
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    figures = [correspondence["accuracy"], low, high, correspondence["auc"], correspondence["ece"]]
    rounded = ["" if figure is None else f"{figure:.4f}" for figure in figures]
    new = not LOG.exists()
    with LOG.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(_COLUMNS)
        writer.writerow([date, _describe_commit(), system, *sets, *rounded])


def _describe_commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    try:
        completed = subprocess.run(
            command, cwd=LOG.parent, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return completed.stdout.strip()
