"""Folders for a user's data, caches and configuration on each operating system."""

from __future__ import annotations

from pathlib import Path


def default_library() -> Path:
    """Return the folder of the library that is used when none is named."""
    import platformdirs

    return Path(platformdirs.user_data_path("attune", appauthor=False)) / "library"


def default_cache() -> Path:
    """Return the folder that keeps features of labelled media and previews of the web page."""
    import platformdirs

    return Path(platformdirs.user_cache_path("attune", appauthor=False))


def config_file() -> Path:
    """Return the path of the user's configuration file; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_config_path("attune", appauthor=False)) / "config.toml"
