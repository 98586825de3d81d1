"""Settings: an option wins over a variable, a variable over config.toml, config.toml over the default."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attune.core.errors import UsageError
from attune.core.library_address import DatabaseAddress
from attune.core.paths import config_file, default_features, default_library, features_home
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


def test_a_library_may_be_in_a_database(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('library = "postgres://me@db.example.org/attune"\n')
    assert load_settings().library == DatabaseAddress("postgresql://me@db.example.org/attune")
    shown = {one.name: (one.value, one.origin) for one in describe_settings()}
    assert shown["library"] == ("postgresql://me@db.example.org/attune", f"{config}: library")
    monkeypatch.setenv("ATTUNE_LIBRARY", "2024")  # JSON, too, but a folder
    assert load_settings().library == Path("2024")


def test_an_empty_variable_sets_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text('library = "/srv/library"\nfeatures = "/srv/features"\n')
    monkeypatch.setenv("ATTUNE_LIBRARY", "")
    monkeypatch.setenv("ATTUNE_FEATURES", "")
    assert load_settings().library == Path("/srv/library")
    assert load_settings().features == features_home() == Path("/srv/features")
    assert {one.origin for one in describe_settings() if one.name == "library"} == {f"{config}: library"}


@pytest.mark.parametrize(
    "address", ["postgresql://me:{}@host/db", "postgresql:///db?password={}", "mysql://me:{}@host/db"]
)
@pytest.mark.parametrize("source", ["variable", "file"])
def test_no_error_of_a_setting_shows_the_password(
    address: str, source: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = address.format("Tr0ub4dor")
    if source == "file":
        config.write_text(f'library = "{secret}"\n')
    else:
        monkeypatch.setenv("ATTUNE_LIBRARY", secret)
    for read in (load_settings, describe_settings):
        with pytest.raises(UsageError) as caught:
            read()
        origin = f"{config}: library: " if source == "file" else "ATTUNE_LIBRARY: "
        assert str(caught.value).startswith(origin)
        assert "Tr0ub4dor" not in str(caught.value)


def test_the_folder_of_features_is_the_setting_in_force(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().features == features_home() == default_features()
    config.write_text('features = "~/from the file"\n')
    assert load_settings().features == features_home() == Path.home() / "from the file"
    monkeypatch.setenv("ATTUNE_FEATURES", "~/from the variable")
    assert load_settings().features == features_home() == Path.home() / "from the variable"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATTUNE_FEATURES", "here")
    assert features_home() == tmp_path / "here"


def test_without_a_file_the_folder_of_features_costs_no_pydantic(tmp_path: Path) -> None:
    code = (
        "import sys; from attune.core.paths import features_home as f; print(f(), 'pydantic' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == f"{tmp_path / 'attune' / 'features'} False\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("library = 3", "library=3: input is not a valid path"),
        ('features = "file://elsewhere/features"', "features: file://elsewhere/features: a file on another"),
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
