"""Progress lines and the log of a command."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from attune.core.console import LineProgress
from attune.core.errors import UsageError
from attune.core.log_setup import configure_logging


def test_progress_without_a_terminal_is_a_line_every_thirty_seconds() -> None:
    seconds = 0.0
    lines: list[str] = []
    progress = LineProgress(lines.append, clock=lambda: seconds)
    progress.start("reading files", 100)
    for _ in range(20):
        seconds += 4.0
        progress.advance()
    progress.finish()
    assert lines == [
        "reading files: 8 of 100, 0.2/s, 6:08 left",
        "reading files: 16 of 100, 0.2/s, 5:36 left",
    ]


def test_progress_without_a_total_tells_no_time_left() -> None:
    seconds = 0.0
    lines: list[str] = []
    progress = LineProgress(lines.append, clock=lambda: seconds)
    progress.start("looking for files", None)
    seconds = 31.0
    progress.advance(62)
    assert lines == ["looking for files: 62, 2.0/s"]


def test_short_work_prints_nothing() -> None:
    lines: list[str] = []
    progress = LineProgress(lines.append, clock=lambda: 1.0)
    progress.start("reading files", 3)
    progress.advance(3)
    progress.finish()
    assert lines == []


def test_the_log_file_gets_everything_and_the_terminal_only_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(verbose=False, log_file=tmp_path / "attune.log")
    logger = logging.getLogger("attune.indexer.build")
    logger.debug("a detail")
    logger.warning("a warning")
    assert capsys.readouterr().err == "WARNING attune.indexer.build: a warning\n"
    written = (tmp_path / "attune.log").read_text()
    assert "DEBUG" in written
    assert "a detail" in written
    assert "a warning" in written


def test_verbose_shows_everything_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(verbose=True, log_file=None)
    configure_logging(verbose=True, log_file=None)
    logging.getLogger("attune.anything").debug("a detail")
    assert capsys.readouterr().err == "DEBUG attune.anything: a detail\n"
    configure_logging(verbose=False, log_file=None)


def test_a_log_file_that_cannot_be_written_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--log-file .*: cannot be written \(No such file or directory\)"):
        configure_logging(verbose=False, log_file=tmp_path / "nowhere" / "attune.log")
    configure_logging(verbose=False, log_file=None)


def test_what_the_server_library_reports_is_in_the_log_file(tmp_path: Path) -> None:
    configure_logging(verbose=False, log_file=tmp_path / "attune.log")
    logging.getLogger("uvicorn.error").error("a failure below our own code")
    configure_logging(verbose=False, log_file=None)
    assert "a failure below our own code" in (tmp_path / "attune.log").read_text()
