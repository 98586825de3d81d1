"""Settings that a person may change without naming them on each command.

An option of a command wins over an `ATTUNE_*` environment variable, which wins over `config.toml` in the
user's configuration folder, which wins over the default.
"""

from __future__ import annotations

import logging
import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from attune.core.errors import UsageError, escape_path
from attune.core.library_address import DatabaseAddress, read_library_argument
from attune.core.paths import config_file, default_features, default_library, read_path_argument

PREFIX = "ATTUNE_"
# Of `attune serve` (a secret, never printed), of the browser benchmarks and of the tests.
_OTHER_VARIABLES = {"ATTUNE_TOKEN", "ATTUNE_CHROMIUM", "ATTUNE_AFFECT", "ATTUNE_UPDATE_SNAPSHOTS"}

logger = logging.getLogger(__name__)


class Settings(BaseSettings):
    """Values that environment variables and `config.toml` may set.

    Attributes:
        library: Folder or database of the library.
        network: Name of a shipped network, or a folder that `attune train` wrote; None: the library's own.
        workers: Processes that decode files and run the backbones; one per core by default.
        device: Where backbones run. On `cuda` the workers decode and the calling process runs the backbones
            in batches; `auto` is resolved by `attune.embedding.onnx_session.choose_device`.
        image_timeout_s: Seconds after which decoding a picture is given up.
        music_timeout_s: Seconds after which decoding a piece of music is given up.
        memory_mb: Address space of one worker in MiB; a file that needs more is skipped.
        features: Folder in which this machine keeps the features of libraries that are in a database.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    library: Annotated[Path | DatabaseAddress, NoDecode] = Field(default_factory=default_library)
    network: str | None = None
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    image_timeout_s: float = Field(default=60.0, gt=0)
    music_timeout_s: float = Field(default=300.0, gt=0)
    memory_mb: int = Field(default=6144, ge=1024)
    features: Path = Field(default_factory=default_features)

    @field_validator("library", "features", mode="before")
    @classmethod
    def _read_address(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return read_library_argument(value) if info.field_name == "library" else read_path_argument(value)
        except UsageError as error:
            raise UsageError(f"{_find_origin(info.field_name or '')}: {error}") from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - required by pydantic-settings
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in the order in which they win."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


@dataclass(frozen=True, slots=True)
class SettingOrigin:
    """The value of one setting and where it comes from, as `--show-config` prints it."""

    name: str
    value: str
    origin: str


def load_settings(**options: Any) -> Settings:
    """Return the settings in force.

    Args:
        options: Values of command-line options by the names of the settings; None: the option was not given.

    Raises:
        UsageError: A variable or `config.toml` holds a value that is not allowed, or an unknown setting.
    """
    _check_config_file()
    _warn_of_unknown_variables()
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        reason = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        raise UsageError(f"{_find_origin(name)}={first['input']}: {reason}") from error


def describe_settings() -> list[SettingOrigin]:
    """Return each setting with its value and origin, then the `ATTUNE_*` variables that set nothing.

    Raises:
        UsageError: As `load_settings`.
    """
    settings = load_settings()
    found = [
        SettingOrigin(name, _format_value(getattr(settings, name)), _find_origin(name))
        for name in Settings.model_fields
    ]
    return found + [
        SettingOrigin(name, "", "not a setting of Attune: it has no effect")
        for name in _find_unknown_variables()
    ]


@cache
def _warn_of_unknown_variables() -> None:
    """Log the variables that set nothing; once, although a command loads its settings several times."""
    for name in _find_unknown_variables():
        logger.warning("%s is not a setting of Attune: it has no effect", name)


def _find_unknown_variables() -> list[str]:
    """Return the `ATTUNE_*` variables that set nothing, such as misspelt ones."""
    known = _OTHER_VARIABLES | {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def _format_value(value: Any) -> str:
    if value is None:
        return "the library's own"
    return escape_path(value) if isinstance(value, Path | DatabaseAddress) else str(value)


def _find_origin(name: str) -> str:
    variable = f"{PREFIX}{name.upper()}"
    if os.environ.get(variable):
        return variable
    return f"{escape_path(config_file())}: {name}" if name in _read_config_file() else "default"


def _check_config_file() -> None:
    unknown = sorted(_read_config_file().keys() - Settings.model_fields.keys())
    if unknown:
        raise UsageError(
            f"{escape_path(config_file())}: unknown setting {', '.join(unknown)}; "
            f"there are {', '.join(Settings.model_fields)}"
        )


def _read_config_file() -> dict[str, Any]:
    path = config_file()
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{escape_path(path)}: cannot be read ({error})") from error
