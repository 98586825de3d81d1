"""Log of every run on the test split: `docs/test-log.csv` of the checkout."""

from __future__ import annotations

import csv
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from attune.training.evaluation_report import EvaluationReport

LOG = Path(__file__).parent.parent / "docs" / "test-log.csv"

_FIGURES = ("accuracy", "low", "high", "auc", "ece", "mood_auc", "mood_auc_low", "mood_auc_high")
_COLUMNS = ("date", "commit", "network", "images", "music", *_FIGURES)


def keeps_log() -> bool:
    """Return whether runs are logged: an installed Attune has no checkout and therefore no log."""
    return (LOG.parent.parent / "pyproject.toml").is_file()


def log_test_run(report: EvaluationReport, system: str) -> None:
    """Append the figures of a run on the test split to the log, if one is kept.

    Args:
        report: The figures of the run.
        system: The network's id, or name and digest of a system that is not shipped.
    """
    if not keeps_log():
        return
    document = report.to_json()
    correspondence, protocol = document["correspondence"], document["protocol"]
    mood = document["mood"]
    sets = ["+".join(protocol["image_sets"]), "+".join(protocol["music_sets"])]
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    nowhere = (None, None)
    figures = [
        *(correspondence["accuracy"], *(correspondence["ci95"] or nowhere)),
        *(correspondence["auc"], correspondence["ece"]),
        *(mood["auc"], *(mood["auc_ci95"] or nowhere)),
    ]
    rounded = ["" if figure is None else f"{figure:.4f}" for figure in figures]
    new = not LOG.exists()
    with LOG.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(_COLUMNS)
        writer.writerow([date, _describe_commit(), system, *sets, *rounded])


def _describe_commit() -> str:
    """Return the checkout's commit, with `-dirty` where tracked files differ from it; empty without Git.

    The log itself does not count: the first run of a series would otherwise make the tree of the next dirty.
    """
    try:
        commit = _run_git("describe", "--always")
        others = f":(exclude){LOG.name}"
        changes = _run_git("status", "--porcelain", "--untracked-files=no", "--", ":/", others)
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{commit}-dirty" if changes else commit


def _run_git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        raise FileNotFoundError("git is not installed")
    completed = subprocess.run(
        [git, *arguments], cwd=LOG.parent, capture_output=True, text=True, timeout=10, check=True
    )
    return completed.stdout.strip()
