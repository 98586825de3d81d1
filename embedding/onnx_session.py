"""ONNX Runtime, on the CPU or on a GPU: the only module that imports it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import hash_file
from attune.core.errors import ArtefactError, AttuneError

Device = Literal["cpu", "cuda"]
_PROVIDERS: Final[dict[Device, str]] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_PROBE_GRAPH: Final = Path(__file__).parent / "weights" / "attune" / "music.onnx"


class DeviceUnavailable(AttuneError):  # noqa: N818 - reads as what it is
    """A device cannot be used.

    Args:
        device: The device.
        reason: Why.
        fix: What to install.
    """

    def __init__(self, device: Device, reason: str, fix: str) -> None:
        super().__init__(f"--device {device}: {reason}; {fix}")
        self.reason = reason


class OnnxSession:
    """One ONNX graph with one input.

    Args:
        path: The graph.
        sha256: What the file's checksum must be.
        threads: Threads of one run, on the CPU.
        device: Where it runs.

    Raises:
        ArtefactError: The file is missing, is not the recorded one, or cannot be loaded.
        NoDevice: The device cannot be used.
    """

    def __init__(self, path: Path, sha256: str, threads: int = 1, device: Device = "cpu") -> None:
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
        provider = _PROVIDERS[device]
        if provider not in ort.get_available_providers():
            raise _make_missing_cuda_error(device)
        if device == "cuda":
            ort.preload_dlls()  # CUDA and cuDNN may be there as Python packages, torch's for one
        try:
            # The bytes that were checked, not the path: the file may be another by now.
            self._session = ort.InferenceSession(graph, options, providers=[provider])
        except Exception as error:
            raise ArtefactError(f"{path}: ONNX Runtime cannot load it: {error}") from error
        if provider not in self._session.get_providers():  # it goes on without a word, on the CPU
            raise DeviceUnavailable(
                device,
                "ONNX Runtime finds no GPU that it can use",
                "it needs an NVIDIA driver, and CUDA and cuDNN of the versions that onnxruntime-gpu names",
            )
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
        declared = {one.name: (one.type, one.shape) for one in self._session.get_outputs()}
        for name, width in outputs.items():
            kind, shape = declared.get(name, ("", []))
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


def choose_device(requested: Literal["auto", "cpu", "cuda"]) -> tuple[Device, str]:
    """Return where backbones run, and why, for people.

    Args:
        asked: `auto` takes a GPU where ONNX Runtime can use one: a small graph is loaded to find that out.

    Raises:
        NoDevice: `cuda` is asked for and cannot be; the message says what to install.
    """
    if requested == "cpu":
        return "cpu", "as asked"
    try:
        if not _has_cuda():
            raise _make_missing_cuda_error("cuda")
        OnnxSession(_PROBE_GRAPH, hash_file(_PROBE_GRAPH), device="cuda")
    except DeviceUnavailable as error:
        if requested == "cuda":
            raise
        return "cpu", error.reason
    return "cuda", "as asked" if requested == "cuda" else "ONNX Runtime can use it"


def _has_cuda() -> bool:
    """Tell by its files whether the installed ONNX Runtime knows CUDA: importing it takes a moment."""
    found = find_spec("onnxruntime")
    return (
        found is not None
        and found.origin is not None
        and any((Path(found.origin).parent / "capi").glob("*onnxruntime_providers_cuda*"))
    )


def _make_missing_cuda_error(device: Device) -> DeviceUnavailable:
    return DeviceUnavailable(
        device,
        "the ONNX Runtime that is installed has no CUDA",
        "pip uninstall onnxruntime && pip install onnxruntime-gpu",
    )
