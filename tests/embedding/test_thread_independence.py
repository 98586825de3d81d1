"""Features are the same bit for bit, whatever the number of BLAS threads and of ONNX Runtime threads.

Worker processes run with one BLAS thread and one ONNX Runtime thread; the process that starts them, which
extracts the features of a query, has as many as there are cores. Equality is required between numbers of
threads on one type of core; between types of cores, ONNX Runtime rounds differently.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
SONG = next(iter(sorted((SAMPLES / "music").iterdir())))
PICTURE = SAMPLES / "photos" / "photo-049.jpg"  # it has a face, so every branch of the graph runs


def has_avx2() -> bool:
    """Return whether the processor has AVX2; False where there is no /proc/cpuinfo."""
    try:
        return re.search(r"^flags\b.*\bavx2\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE) is not None
    except OSError:
        return False


# OpenBLAS's kernels for these types of core use AVX2, and end the process on a processor without it.
CORE_TYPES = (None, "Haswell", "Zen") if has_avx2() else (None,)

# Both programs print one SHA-256 per array. They run in processes of their own, as OpenBLAS reads its
# environment variables once, when numpy is imported.
_PRINT_INPUTS = """
import hashlib, sys
from attune.embedding.audio_decoding import read_audio
from attune.embedding.backbones import compute_patches_with_harmony
samples = read_audio(sys.argv[1]).samples
print(hashlib.sha256(compute_patches_with_harmony(samples).tobytes()).hexdigest())
"""
_PRINT_FEATURES = """
import hashlib, sys
from attune.embedding.audio_decoding import read_audio
from attune.embedding.backbones import ACCURATE_BACKBONES, DEFAULT_BACKBONES, Backbones
from attune.embedding.image_decoding import decode_image
samples = read_audio(sys.argv[1], end_s=10.0).samples
for chosen in (DEFAULT_BACKBONES, ACCURATE_BACKBONES):
    backbones = Backbones(chosen, threads=int(sys.argv[3]))
    pixels = decode_image(sys.argv[2], backbones.image_spec).pixels[None]
    for features in (
        backbones.features("image", pixels),
        backbones.features("music", backbones.music_frontend(samples)),
    ):
        print(hashlib.sha256(features.tobytes()).hexdigest())
"""


def run(program: str, *arguments: str, blas_threads: int, core_type: str | None) -> tuple[str, ...]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OPENBLAS_")}
    environment["OPENBLAS_NUM_THREADS"] = str(blas_threads)
    if core_type is not None:
        environment["OPENBLAS_CORETYPE"] = core_type
    command = [sys.executable, "-c", program, str(SONG), str(PICTURE), *arguments]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return tuple(result.stdout.split())


@pytest.mark.slow
@pytest.mark.parametrize("core_type", CORE_TYPES)
def test_inputs_of_backbones_do_not_depend_on_blas_threads(core_type: str | None) -> None:
    found = {run(_PRINT_INPUTS, blas_threads=threads, core_type=core_type) for threads in (1, 2, 4)}
    assert len(found) == 1
    assert len(found.pop()) == 1


@pytest.mark.slow
def test_features_do_not_depend_on_threads() -> None:
    found = {
        run(_PRINT_FEATURES, str(ort_threads), blas_threads=blas_threads, core_type=None)
        for blas_threads, ort_threads in ((1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (4, 2))
    }
    assert len(found) == 1
    assert len(set(found.pop())) == 4  # two kinds of media by two sets of backbones
