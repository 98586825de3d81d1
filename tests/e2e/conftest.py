"""Libraries of the shipped samples, built once by each shipped network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from attune.embedding.network import open_network, shipped_names
from attune.retrieval.demo import SAMPLES
from attune.tests.conftest import run_build


@pytest.fixture(scope="session")
def sample_libraries(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Return the libraries of the samples by the name of the network; tests treat them as read-only."""
    folder = tmp_path_factory.mktemp("sample-libraries")
    for name in shipped_names():
        run_build(folder / name, open_network(name), SAMPLES.resolve())
    return {name: folder / name for name in shipped_names()}


@pytest.fixture(scope="session")
def samples_library(sample_libraries: Mapping[str, Path]) -> Path:
    """Return the samples' library of the default network."""
    return sample_libraries["attune"]
