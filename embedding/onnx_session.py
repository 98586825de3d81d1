"""ONNX Runtime sessions on the CPU or a GPU; no other module imports ONNX Runtime."""

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


class DeviceUnavailable(AttuneError):  # noqa: N818 - the name says what is wrong
    """A device cannot be used.

    Args:
        device: The device.
        reason: Why it cannot be used.
        fix: What to install.
    """

    def __init__(self, device: Device, reason: str, fix: str) -> None:
        super().__init__(f"--device {device}: {reason}; {fix}")
        self.reason = reason


class OnnxSession:
    """An ONNX graph with one input.

    Args:
        path: The ONNX file.
        sha256: The expected SHA-256 of the file, 64 hexadecimal digits.
        threads: Number of threads of a run on the CPU.
        device: The device on which it runs.

    Raises:
        ArtefactError: The file is missing, its checksum differs, or it cannot be loaded.
        DeviceUnavailable: The device cannot be used.
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
        # A graph may load weights from other files, which no checksum covers. They are looked up in this
        # folder, and as the given path is a file, none can exist.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path))
        provider = _PROVIDERS[device]
        if provider not in ort.get_available_providers():
            raise _make_missing_cuda_error(device)
        if device == "cuda":
            ort.preload_dlls()  # CUDA and cuDNN may be installed as Python packages, such as those of torch
        try:
            # The bytes whose checksum was compared, not the path, as the file may have been replaced since.
            self._session = ort.InferenceSession(graph, options, providers=[provider])
        except Exception as error:
            raise ArtefactError(f"{path}: ONNX Runtime cannot load it: {error}") from error
        if provider not in self._session.get_providers():  # ONNX Runtime falls back to the CPU silently
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
        """Size of the input's last axis; 0 if the graph does not fix it."""
        last = self._shape[-1] if self._shape else None
        return last if isinstance(last, int) else 0

    def require(self, outputs: Mapping[str, int]) -> None:
        """Check that the graph has the given outputs, each float32 (n, width).

        Args:
            outputs: The width of each output by its name.

        Raises:
            ArtefactError: An output is missing or has another type or shape.
        """
        declared = {output.name: (output.type, output.shape) for output in self._session.get_outputs()}
        for name, width in outputs.items():
            kind, shape = declared.get(name, ("", []))
            if kind != "tensor(float)" or len(shape) != 2 or shape[1] != width:
                raise ArtefactError(f"{self._path}: has no output {name!r} of {width} float32 numbers")

    def run(self, batch: NDArray[np.generic], *outputs: str) -> list[NDArray[np.float32]]:
        """Run the graph.

        Args:
            batch: The input, whose first axis is the batch.
            outputs: Names of the wanted outputs.

        Returns:
            One float32 array per name, in the same order.
        """
        results: list[NDArray[np.float32]] = self._session.run(list(outputs), {self._input: batch})
        return results


def choose_device(requested: Literal["auto", "cpu", "cuda"]) -> tuple[Device, str]:
    """Choose the device on which backbones run.

    Args:
        requested: `auto` means a GPU if ONNX Runtime can use one; a small graph is loaded to find out.

    Returns:
        The device, and the reason for the choice, for display.

    Raises:
        DeviceUnavailable: `cuda` is requested and cannot be used; the message says what to install.
    """
    if requested == "cpu":
        return "cpu", "as requested"
    try:
        if not _has_cuda():
            raise _make_missing_cuda_error("cuda")
        OnnxSession(_PROBE_GRAPH, hash_file(_PROBE_GRAPH), device="cuda")
    except DeviceUnavailable as error:
        if requested == "cuda":
            raise
        return "cpu", error.reason
    return "cuda", "as requested" if requested == "cuda" else "ONNX Runtime can use it"


def _has_cuda() -> bool:
    """Return whether the installed ONNX Runtime has CUDA, by its files, as importing it is slow."""
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
