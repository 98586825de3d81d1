"""ONNX Runtime: the only module that imports it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
        try:
            graph = path.read_bytes()
        except OSError as error:
            raise ArtefactError(f"{path}: the weights are missing; install Attune again") from error
        if hashlib.sha256(graph).hexdigest() != sha256:
            raise ArtefactError(f"{path}: the weights are damaged (checksum differs); install them again")
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A graph may name other files that hold its weights; no checksum covers them. There is nothing below
        # a file, so none is found.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path))
        try:
            # The bytes that were checked, not the path: the file may be another by now.
            self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ArtefactError(f"{path}: ONNX Runtime cannot load it: {error}") from error
        self._path = path
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ArtefactError(f"{path}: takes {len(inputs)} inputs, not one")
        self._input = inputs[0].name
        self._shape: list[int | str | None] = inputs[0].shape

    @property
    def width(self) -> int:
        """Size of the input's last axis; 0 where the graph leaves it open."""
        last = self._shape[-1] if self._shape else None
        return last if isinstance(last, int) else 0

    def require(self, outputs: Mapping[str, int]) -> None:
        """Make sure that the graph has outputs of these names, float32 (n, width).

        Raises:
            ArtefactError: It has not.
        """
        said = {one.name: (one.type, one.shape) for one in self._session.get_outputs()}
        for name, width in outputs.items():
            kind, shape = said.get(name, ("", []))
            if kind != "tensor(float)" or len(shape) != 2 or shape[1] != width:
                raise ArtefactError(f"{self._path}: has no output {name!r} of {width} float32 numbers")

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
