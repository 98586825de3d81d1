"""Functions that run the installed `attune` command in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from attune.core.library_address import LibraryAddress

ATTUNE = Path(sys.executable).with_name("attune")


def attune(
    *arguments: object, library: LibraryAddress | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, with `library` passed in the environment variable, as a user would set it."""
    environment = dict(os.environ)
    environment.pop("ATTUNE_LIBRARY", None)
    if library is not None:
        environment["ATTUNE_LIBRARY"] = str(library)
    command = [str(ATTUNE), *(str(argument) for argument in arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=cwd, timeout=600)


def start_attune(*arguments: object, library: LibraryAddress) -> subprocess.Popen[str]:
    """Start a command that a test may interrupt.

    A shell lets the programs that it starts in the background ignore SIGINT, and child processes inherit
    that. So the command gets the default back, as if a person had started it in a terminal.
    """
    return subprocess.Popen(
        [str(ATTUNE), *(str(argument) for argument in arguments)],
        env={**os.environ, "ATTUNE_LIBRARY": str(library)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_restore_interrupts,
    )


def _restore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def attune_json(*arguments: object, library: LibraryAddress | None = None) -> Any:
    """Run a command with --json; require success and a single JSON document on stdout, and return it."""
    result = attune(*arguments, "--json", library=library)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
