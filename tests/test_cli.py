"""The command line loads the module of one command, and the table of modules is complete."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest
import typer.main

from attune.cli import COMMANDS, build_app

BENCHMARK = ("attune.benchmarks.commands", ("benchmark",))  # a group, whose name `build_app` gives


@pytest.mark.parametrize("module", COMMANDS)
def test_each_module_registers_the_commands_of_the_table(module: str) -> None:
    app = import_module(module).app
    names = {command.name for command in app.registered_commands}
    assert names == set(COMMANDS[module]) or (module, COMMANDS[module]) == BENCHMARK


def test_without_a_known_command_all_are_there() -> None:
    everything = {"demo", *(name for names in COMMANDS.values() for name in names)}
    for arguments in ([], ["--help"], ["no-such-command"]):
        assert set(typer.main.get_command(build_app(arguments)).commands) == everything


def test_a_command_loads_no_other_commands() -> None:
    code = (
        "import sys; from attune.cli import run; run(['match', '--help'])\n"
        "print([name for name in sys.modules if name.endswith('commands')], file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == "['attune.retrieval.commands']"
