"""Settings: an option wins over a variable, a variable over config.toml, config.toml over the default."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune.core.errors import UsageError
from attune.core.paths import config_file, default_library
from attune.core.settings import describe_settings, load_settings

WORKERS = st.none() | st.integers(1, 256)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty config.toml of a user of our own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = config_file()
    path.parent.mkdir(parents=True)
    path.write_text("")
    return path


@given(option=WORKERS, variable=WORKERS, file=WORKERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_nearest_source_wins(
    option: int | None, variable: int | None, file: int | None, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("" if file is None else f"workers = {file}\n")
    monkeypatch.delenv("ATTUNE_WORKERS", raising=False)
    if variable is not None:
        monkeypatch.setenv("ATTUNE_WORKERS", str(variable))
    expected = next(one for one in (option, variable, file, os.cpu_count()) if one is not None)
    assert load_settings(workers=option).workers == expected


def test_each_setting_names_its_origin(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('workers = 3\nlibrary = "~/pictures"\n')
    monkeypatch.setenv("ATTUNE_MEMORY_MB", "2048")
    monkeypatch.setenv("ATTUNE_WORKER", "3")
    monkeypatch.setenv("ATTUNE_TOKEN", "a secret")
    found = {one.name: (one.value, one.origin) for one in describe_settings()}
    assert found["workers"] == ("3", f"{config}: workers")
    assert found["library"] == (str(Path.home() / "pictures"), f"{config}: library")
    assert found["memory_mb"] == ("2048", "ATTUNE_MEMORY_MB")
    assert found["device"] == ("auto", "default")
    assert found["ATTUNE_WORKER"] == ("", "not a setting of Attune: it has no effect")
    assert "secret" not in repr(found)


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nowhere"))
    assert load_settings().library == default_library()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("worker = 3", "unknown setting worker; there are library, network, workers"),
        ("workers = 0", "workers=0: input should be greater than or equal to 1"),
        ('device = "tpu"', "device=tpu: input should be 'auto', 'cpu' or 'cuda'"),
        ("workers = ", "cannot be read"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(config) in str(caught.value)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTUNE_DEVICE", "tpu")
    with pytest.raises(UsageError, match="ATTUNE_DEVICE=tpu: input should be"):
        load_settings()
