"""Where things are and how much of the machine a run may take."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from attune.core.errors import UsageError


class Settings(BaseSettings):
    """What a person may set by `ATTUNE_*` variables; options of a command win over them.

    Attributes:
        workers: Processes that decode and run the backbones; as many as there are cores by default.
        image_timeout_s: Seconds after which a picture counts as hanging.
        music_timeout_s: Seconds after which a piece of music counts as hanging.
        memory_mb: Address space of one worker in MiB; a file that needs more is skipped.
        device: Where backbones run; on `cuda` workers decode, and the calling process runs them in batches.
    """

    model_config = SettingsConfigDict(env_prefix="ATTUNE_", extra="ignore")

    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    image_timeout_s: float = Field(default=60.0, gt=0)
    music_timeout_s: float = Field(default=300.0, gt=0)
    memory_mb: int = Field(default=6144, ge=1024)
    device: Literal["cpu", "cuda"] = "cpu"


def load_settings(workers: int | None = None, device: Literal["cpu", "cuda"] = "cpu") -> Settings:
    """Return the settings of the environment; what is given wins.

    Raises:
        UsageError: A variable holds what it cannot hold.
    """
    try:
        return Settings(device=device) if workers is None else Settings(workers=workers, device=device)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(["ATTUNE", *(str(part) for part in first["loc"])]).upper()
        raise UsageError(f"{name}={first['input']}: {first['msg'][0].lower()}{first['msg'][1:]}") from error


def default_library() -> Path:
    """Return the folder of the library that is used when none is named."""
    import platformdirs

    return Path(platformdirs.user_data_path("attune", appauthor=False)) / "library"


def default_cache() -> Path:
    """Return the folder where training keeps the features of labelled media."""
    import platformdirs

    return Path(platformdirs.user_cache_path("attune", appauthor=False))
