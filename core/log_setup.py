"""Configuration of the standard library's logging for one command."""

from __future__ import annotations

import logging
from pathlib import Path

from attune.core.errors import UsageError, escape_path

_ROOTS = ("attune", "uvicorn")  # uvicorn: what the server reports below our own code
_TERMINAL_FORMAT = "%(levelname)s %(name)s: %(message)s"
_FILE_FORMAT = "%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s"


def configure_logging(*, verbose: bool, log_file: Path | None) -> None:
    """Send the log records of all `attune` modules, and of uvicorn, to stderr and, if asked, to a file.

    Without `verbose` only warnings and errors reach stderr; the file always gets everything. Calling it again
    replaces the former configuration.

    Args:
        verbose: Show records of every level on stderr.
        log_file: File to append to; it grows until somebody removes it.

    Raises:
        UsageError: The file cannot be written.
    """
    terminal = logging.StreamHandler()
    terminal.setLevel(logging.DEBUG if verbose else logging.WARNING)
    terminal.setFormatter(logging.Formatter(_TERMINAL_FORMAT))
    handlers = [terminal] if log_file is None else [terminal, _open_log_file(log_file)]
    for name in _ROOTS:
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
            handler.close()
        for handler in handlers:
            logger.addHandler(handler)
        logger.setLevel(logging.DEBUG if verbose or log_file is not None else logging.WARNING)
        logger.propagate = False


def _open_log_file(path: Path) -> logging.Handler:
    try:
        handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--log-file {escape_path(path)}: cannot be written ({error.strerror})") from error
    handler.setFormatter(logging.Formatter(_FILE_FORMAT))
    return handler
