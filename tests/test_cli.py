"""The command line loads the module of one command, and the table of modules is complete."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer.main

from attune.cli import COMMANDS, build_app, run

BENCHMARK = ("attune.benchmarks.commands", ("benchmark",))  # a group, whose name `build_app` gives


@pytest.mark.parametrize("module", COMMANDS)
def test_each_module_registers_the_commands_of_the_table(module: str) -> None:
    app = import_module(module).app
    names = {one.name for one in (*app.registered_commands, *app.registered_groups)}
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


def test_files_and_folders_may_be_uris(
    built: Path, media: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(media))
    library = ["--library", built.as_uri()]
    song, below = media / "song 0.flac", media / "below"
    answers = []
    for spelled, folder in (
        (str(song), f"--in={below}"),
        (song.as_uri(), f"--in={below.as_uri()}"),
        (f"file://localhost{song.as_uri().removeprefix('file://')}", "--in=~/below"),
        (f"file:{song}".replace(" ", "%20"), f"--in={below}"),
    ):
        assert run(["find-images", spelled, folder, "--not", spelled, "--paths", *library]) == 0
        answers.append(capfd.readouterr().out)
    assert set(answers) == {answers[0]} and answers[0].count("\n") == 7
    assert run(["mood", "file://nas/song.flac", *library]) == 2
    assert "file://nas/song.flac: a file on another computer" in capfd.readouterr().err
