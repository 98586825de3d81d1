"""Comparison of the converted backbones with the original implementations, on real files.

    python -m attune.training.convert.parity_check --images PHOTO… --music SONG…

For each part of the features, it logs the largest absolute difference, the largest absolute value, and their
ratio. It exits with code 1 unless every part differs by less than 1e-4, or by less than 1e-5 of its largest
value. The second bound is needed for musicnn's `max_pool`, which reaches 130: there musicnn's own graph, in
float32, differs from the same network in float64 by 2e-4, so no implementation can agree more closely. For
music, `attune.embedding.logmel` is also compared with librosa. The required packages are listed in
`requirements.txt`.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import EFFICIENTNET_LITE0, MUSICNN_MSD
from attune.embedding.feature_layout import FeatureLayout
from attune.embedding.image_geometry import SIDE
from attune.embedding.logmel import compute_logmel, split_patches
from attune.training.convert import reference_features
from attune.training.convert.weight_files import IMAGE_FILE, MUSIC_FILE

log = logging.getLogger(__name__)

ABSOLUTE, RELATIVE = 1e-4, 1e-5


def run_onnx(path: Path, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
    """Run a converted backbone on the CPU, eight items at a time.

    Args:
        path: The ONNX file; one input, one output.
        inputs: The backbone's input, `(N, …)`.

    Returns:
        The features, float32 `(N, D)`.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: inputs[i : i + 8]})[0] for i in range(0, len(inputs), 8)])


def load_pixels(path: Path) -> NDArray[np.uint8]:
    """Read a picture as uint8 `(SIDE, SIDE, 3)`; its aspect ratio does not matter for the comparison."""
    from PIL import Image

    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def is_close(converted: NDArray[np.float32], original: NDArray[np.float32]) -> bool:
    """Return whether one part of the features is within one of the two bounds.

    Args:
        converted: Features of the ONNX file.
        original: Features of the original implementation, of the same shape.
    """
    largest = float(np.abs(original).max())
    return float(np.abs(converted - original).max()) < max(ABSOLUTE, RELATIVE * largest)


def compare_features(
    name: str, converted: NDArray[np.float32], original: NDArray[np.float32], layout: FeatureLayout
) -> bool:
    """Log the differences of two sets of features, part by part.

    Args:
        name: Name of the backbone in the log.
        converted: Features of the ONNX file, `(N, D)`.
        original: Features of the original implementation, `(N, D)`.
        layout: The parts of the features.

    Returns:
        Whether every part is within one of the two bounds.
    """
    passed = True
    for block in layout.names:
        columns = layout.columns(block)
        converted_block, original_block = converted[:, columns], original[:, columns]
        difference, largest = (
            float(np.abs(converted_block - original_block).max()),
            float(np.abs(original_block).max()),
        )
        verdict = "passed" if is_close(converted_block, original_block) else "FAILED"
        passed &= is_close(converted_block, original_block)
        log.info(
            "%-6s %-12s max |difference| %.1e   max |value| %7.2f   relative %.1e   %s",
            name, block, difference, largest, difference / largest, verdict,
        )  # fmt: skip
    return passed


def check_images(files: list[Path]) -> bool:
    """Compare the image backbone on some pictures."""
    pixels = np.stack([load_pixels(path) for path in files])
    log.info("image: %d pictures", len(pixels))
    return compare_features(
        "image",
        run_onnx(IMAGE_FILE, pixels),
        reference_features.compute_image_features(pixels),
        EFFICIENTNET_LITE0.layout,
    )


def check_music(files: list[Path]) -> bool:
    """Compare the music backbone and the log-mel on some songs."""
    import librosa

    expected = [reference_features.compute_music_logmel(path) for path in files]
    computed = [compute_logmel(librosa.load(path, sr=16_000)[0]) for path in files]
    difference = max(float(np.abs(a - b).max()) for a, b in zip(computed, expected, strict=True))
    moments = np.concatenate([split_patches(spectrogram) for spectrogram in expected])
    log.info(
        "music: %d moments of %d songs; log-mel against librosa: %.1e", len(moments), len(files), difference
    )
    converted = run_onnx(MUSIC_FILE, moments)
    return (
        compare_features(
            "music", converted, reference_features.compute_music_features(moments), MUSICNN_MSD.layout
        )
        and difference < ABSOLUTE
    )


def main() -> int:
    """Compare the files named on the command line; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, nargs="*", default=[])
    parser.add_argument("--music", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    passed = not arguments.images or check_images(arguments.images)
    passed &= not arguments.music or check_music(arguments.music)
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
