"""Conventions of command-line programs: help, version, completion, configuration, logs, tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from attune.tests.cli_reference import REFERENCE, render_reference
from attune.tests.e2e.command import ATTUNE, attune, attune_json


def run_with(environment: dict[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [str(ATTUNE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


@pytest.mark.parametrize("command", [[], ["find-images"], ["benchmark"], ["benchmark", "cold"]])
def test_h_is_help(command: list[str]) -> None:
    short, long = attune(*command, "-h"), attune(*command, "--help")
    assert short.returncode == long.returncode == 0
    assert short.stdout == long.stdout
    assert short.stdout.startswith("Usage: attune")


def test_the_module_is_the_command() -> None:
    result = subprocess.run([sys.executable, "-m", "attune", "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, f"attune {version('attune-affect')}\n")
    assert attune("--version").stdout == result.stdout


def test_no_summary_in_the_list_of_commands_is_cut_short() -> None:
    for text in (attune("-h").stdout, attune("benchmark", "-h").stdout):
        listing = text.partition("\nCommands:\n")[2]
        assert listing
        assert "..." not in listing


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands(shell: str) -> None:
    words = {"COMP_WORDS": "attune find", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "attune find"}
    completing = {"_ATTUNE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    result = run_with(words | completing)
    assert "find-images" in result.stdout
    assert "find-music" in result.stdout


@pytest.mark.slow
def test_the_reference_is_what_help_says() -> None:
    """The reference equals the help texts; `python -m attune.tests.cli_reference` updates it."""
    assert REFERENCE.read_text(encoding="utf-8") == render_reference()


@pytest.mark.slow
def test_config_toml_names_the_library(built: Path, tmp_path: Path) -> None:
    (tmp_path / "attune").mkdir()
    (tmp_path / "attune" / "config.toml").write_text(f'library = "{built}"\n')
    configured = run_with({"XDG_CONFIG_HOME": str(tmp_path)}, "status")
    assert f"library    {built}\n" in configured.stdout
    shown = run_with({"XDG_CONFIG_HOME": str(tmp_path)}, "--show-config")
    assert f"{built}  ({tmp_path / 'attune' / 'config.toml'}: library)" in shown.stdout
    wins = {"XDG_CONFIG_HOME": str(tmp_path), "ATTUNE_LIBRARY": str(tmp_path / "other")}
    assert f"library    {tmp_path / 'other'}\n" in run_with(wins, "status").stdout
    assert "(ATTUNE_LIBRARY)" in run_with(wins, "--show-config").stdout


@pytest.mark.parametrize("address", ["postgresql://me:Tr0ub4dor@host/db", "mysql://me:Tr0ub4dor@host/db"])
def test_a_wrong_address_is_one_line_without_its_password(address: str, tmp_path: Path) -> None:
    (tmp_path / "attune").mkdir()
    (tmp_path / "attune" / "config.toml").write_text(f'library = "{address}"\n')
    configured = {"XDG_CONFIG_HOME": str(tmp_path)}
    for result in (
        attune("status", "--library", address, "--debug"),
        run_with({"ATTUNE_LIBRARY": address}, "mood", "song.mp3"),
        run_with(configured, "find-music", "--words", "calm"),
        run_with(configured, "--show-config"),
    ):
        assert result.returncode == 2
        assert "Tr0ub4dor" not in result.stdout + result.stderr
        assert "the library" in result.stderr or "is not a library" in result.stderr
        assert result.stderr.count("\n") == 1


def test_show_config_tells_of_databases_and_features(tmp_path: Path) -> None:
    named = {"ATTUNE_LIBRARY": "postgres:///attune", "ATTUNE_FEATURES": str(tmp_path)}
    shown = run_with(named, "--show-config").stdout
    assert "postgresql:///attune  (ATTUNE_LIBRARY)\n" in shown
    assert f"{tmp_path}  (ATTUNE_FEATURES)\n" in shown


def test_a_misspelt_setting_stops_the_command(tmp_path: Path) -> None:
    (tmp_path / "attune").mkdir()
    (tmp_path / "attune" / "config.toml").write_text("worker = 2\n")
    result = run_with({"XDG_CONFIG_HOME": str(tmp_path)}, "status")
    assert result.returncode == 2
    assert "unknown setting worker" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_device_of_the_environment_has_an_effect(media: Path, tmp_path: Path) -> None:
    """`ATTUNE_DEVICE=cuda` is refused on a machine without a GPU; an earlier version ignored it."""
    result = run_with({"ATTUNE_DEVICE": "cuda"}, "build-index", media, "--library", tmp_path / "library")
    if result.returncode == 0:  # a GPU is there
        assert "Backbones run on cuda" in result.stderr
    else:
        assert "--device cuda: " in result.stderr
    refused = run_with({"ATTUNE_DEVICE": "tpu"}, "build-index", media, "--library", tmp_path / "library")
    assert refused.returncode == 2
    assert refused.stderr.startswith("attune: ATTUNE_DEVICE=tpu: input should be")


@pytest.mark.slow
def test_whoever_asks_for_nothing_is_told_nothing_about_devices(media: Path, tmp_path: Path) -> None:
    result = attune("build-index", media, library=tmp_path / "library")
    assert "Backbones run on cpu" not in result.stderr


@pytest.mark.slow
def test_a_traceback_is_shown_on_request_only(built: Path) -> None:
    plain, shown = (
        attune("mood", built / "nowhere.mp3", *more, library=built) for more in ((), ("--debug",))
    )
    assert plain.returncode == shown.returncode == 2
    assert "Traceback" not in plain.stderr
    assert "Traceback (most recent call last)" in shown.stderr
    assert shown.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]


@pytest.mark.slow
def test_a_log_file_tells_what_a_build_did(media: Path, tmp_path: Path) -> None:
    log = tmp_path / "attune.log"
    result = attune("build-index", media, "-q", "--log-file", log, library=tmp_path / "library")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert "attune.indexer.build: " in log.read_text()


@pytest.mark.slow
def test_json_names_the_mood(built: Path, media: Path) -> None:
    found = attune_json("find-images", media / "song 0.flac", "-n", "1", library=built)
    assert found["results"][0]["mood"]
    shown = attune_json("mood", media / "song 0.flac", library=built)
    assert shown["files"][0]["mood"]


@pytest.mark.slow
def test_a_misspelt_variable_is_named(media: Path, tmp_path: Path) -> None:
    (tmp_path / "attune").mkdir()
    (tmp_path / "attune" / "config.toml").write_text("workers = 1\n")  # with it, settings are loaded again
    environment = {"ATTUNE_WORKER": "3", "XDG_CONFIG_HOME": str(tmp_path)}
    result = run_with(environment, "build-index", media, "-q", "--library", tmp_path / "library")
    assert result.returncode == 0
    assert result.stderr.count("ATTUNE_WORKER is not a setting of Attune: it has no effect") == 1


@pytest.mark.slow
def test_a_server_refuses_a_wrong_setting_in_one_line(built: Path) -> None:
    result = run_with({"ATTUNE_DEVICE": "tpu"}, "serve", "--library", built, "--port", 0)
    assert result.returncode == 2
    assert result.stderr.startswith("attune: ATTUNE_DEVICE=tpu: input should be")
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_quiet_leaves_the_summary_out(built: Path, media: Path) -> None:
    full, quiet = (
        attune("find-images", media / "song 0.flac", "-n", 2, *more, library=built).stdout.splitlines()
        for more in ((), ("-q",))
    )
    assert full[-1].endswith(" ms")
    assert full[-2].startswith("fit: ")
    assert quiet == full[:-2]
