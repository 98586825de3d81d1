"""The command reference docs/cli.md; `python -m attune.tests.cli_reference` writes it from `--help`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"
_WIDTH = 80
_LEAD = """# Command reference

Generated from `attune COMMAND --help` with `python -m attune.tests.cli_reference`; a test compares the two.

Exit codes: 0 done (also if files were skipped: they are listed), 1 failed, 2 wrong usage, 130 interrupted
by Ctrl-C. An option wins over its environment variable, which wins over `config.toml` in the user's
configuration folder. `attune --show-config` prints where that file is, the settings in force and where each
comes from. The file uses the same names:

    library = "~/attune"
    workers = 2
"""


def render_reference() -> str:
    """Return the text of docs/cli.md."""
    parts = [_LEAD, _render_section("attune", _help_of())]
    for name in _commands_in(_help_of()):
        text = _help_of(name)
        parts.append(_render_section(f"attune {name}", text))
        parts += [_render_section(f"attune {name} {sub}", _help_of(name, sub)) for sub in _commands_in(text)]
    return "\n".join(parts)


def _help_of(*command: str) -> str:
    environment = os.environ | {"COLUMNS": str(_WIDTH), "TERM": "dumb"}
    arguments = [sys.executable, "-m", "attune", *command, "--help"]
    return subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment).stdout


def _commands_in(help_text: str) -> Iterator[str]:
    _, found, listing = help_text.partition("\nCommands:\n")
    for line in listing.splitlines() if found else []:
        if line.startswith("  ") and not line.startswith("   "):
            yield line.split()[0]


def _render_section(title: str, help_text: str) -> str:
    return f"## `{title}`\n\n```text\n{help_text.strip()}\n```\n"


if __name__ == "__main__":
    REFERENCE.write_text(render_reference(), encoding="utf-8")
