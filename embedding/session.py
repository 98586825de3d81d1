"""ONNX Runtime: the only module that imports it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.artefacts import sha256_of
from core.errors import ArtefactError


class Session:
    """One ONNX graph with one input, on the CPU.

    Args:
        path: The graph.
        sha256: What the file's checksum must be.
        threads: Threads of one run.

    Raises:
        ArtefactError: The file is missing, is not the recorded one, or cannot be loaded.
    """

    def __init__(self, path: Path, sha256: str, threads: int = 1) -> None:
        if not path.is_file():
            raise ArtefactError(f"{path}: the weights are missing; install Attune again")
        if sha256_of(path) != sha256:
            raise ArtefactError(f"{path}: the weights are damaged (checksum differs); install them again")
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ArtefactError(f"{path}: ONNX Runtime cannot load it: {error}") from error
        self._input = self._session.get_inputs()[0].name
        self._width = self._session.get_inputs()[0].shape[-1]

    @property
    def width(self) -> int:
        """Size of the input's last axis."""
        return int(self._width)

    def run(self, batch: NDArray[np.generic], *outputs: str) -> list[NDArray[np.float32]]:
        """Run the graph.

        Args:
            batch: The input, its first axis the batch.
            outputs: Names of the outputs that are wanted.

        Returns:
            One float32 array for each name.
        """
        results: list[NDArray[np.float32]] = self._session.run(list(outputs), {self._input: batch})
        return results
