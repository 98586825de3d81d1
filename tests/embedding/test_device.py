"""Choice of the device, errors where it cannot be used, and equality of features in batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from attune.core.errors import AttuneError, MediaError
from attune.core.settings import Settings
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbones, compute_patches
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.feature_extraction import (
    IMAGE_BATCH_SIZE,
    PreparedFile,
    extract,
    extract_in_batches,
    pass_through,
    read_media,
)
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC, SIDE
from attune.embedding.media_facts import MediaFacts
from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import choose_device
from attune.tests.e2e.command import attune
from attune.tests.media_factory import damaged, photo, song

NO_GPU = "CUDAExecutionProvider" not in onnxruntime.get_available_providers()
SAME = (
    0.02  # tolerance: float16 features of one file in two batches or on two devices are rounded differently
)


def test_the_cpu_is_always_there() -> None:
    assert choose_device("cpu") == ("cpu", "as requested")


@pytest.mark.slow
@pytest.mark.skipif(not NO_GPU, reason="ONNX Runtime has CUDA here")
def test_without_a_gpu_auto_works_and_cuda_explains_itself(media: Path, tmp_path: Path) -> None:
    device, why = choose_device("auto")
    assert device == "cpu"
    assert "no CUDA" in why
    with pytest.raises(AttuneError, match=r"--device cuda: .*pip install onnxruntime-gpu") as caught:
        choose_device("cuda")
    assert caught.value.exit_code == 1

    refused = attune("build-index", media, "--device", "cuda", library=tmp_path / "library")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("attune: --device cuda: ")
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "library").exists()
    some = tmp_path / "some"
    some.mkdir()
    photo(some / "a.jpg", 1)
    built = attune("build-index", some, "--device", "auto", library=tmp_path / "library")
    assert built.returncode == 0
    assert "Backbones run on cpu: " in built.stderr
    quiet = attune("build-index", some, "-q", library=tmp_path / "library")
    assert (quiet.stdout, quiet.stderr) == ("", "")


@pytest.mark.skipif(not NO_GPU, reason="ONNX Runtime has CUDA here")
def test_workers_are_ended_where_the_device_is_not_there(tmp_path: Path) -> None:
    jobs = [ExtractionJob(photo(tmp_path / "a.jpg", 1), "image")]
    with pytest.raises(AttuneError, match="--device cuda"):
        list(extract_all(jobs, Settings(workers=1, device="cuda"), DEFAULT_BACKBONES))


def test_batches_give_what_files_give_one_by_one(tmp_path: Path) -> None:
    files: list[tuple[Path, Kind]] = [(photo(tmp_path / f"{seed}.jpg", seed), "image") for seed in range(5)]
    files.insert(2, (song(tmp_path / "song.flac", 1, seconds=7.0), "music"))
    backbones = Backbones(DEFAULT_BACKBONES)
    broken = MediaError(damaged(tmp_path / "broken.jpg", "text"), "damaged")
    prepared: list[PreparedFile | MediaError] = [
        read_media(path, kind, DEFAULT_IMAGE_SPEC, compute_patches) for path, kind in files
    ]
    prepared.insert(1, broken)
    outcomes = list(extract_in_batches(prepared, backbones, pass_through))
    assert broken in outcomes
    found = {one.path: one for one in outcomes if not isinstance(one, MediaError)}
    assert len(outcomes) == len(files) + 1
    for path, kind in files:
        expected = extract(path, kind, backbones)
        assert found[path].facts == expected.facts
        assert found[path].features.shape == expected.features.shape
        difference = found[path].features.astype(np.float32) - expected.features
        assert np.abs(difference).max() < SAME


def test_a_full_batch_is_read_before_more_comes() -> None:
    one = PreparedFile(Path("a"), "image", MediaFacts(content=b""), np.zeros((1, SIDE, SIDE, 3), np.uint8))
    taken = 0

    def counted():  # type: ignore[no-untyped-def]
        nonlocal taken
        for _ in range(2 * IMAGE_BATCH_SIZE):
            taken += 1
            yield one

    class Sizes(Backbones):
        """Record of the number of rows per call; the features themselves are tested above."""

        rows: list[int] = []  # noqa: RUF012

        def features(self, kind, rows):  # type: ignore[no-untyped-def]
            self.rows.append(len(rows))
            return np.zeros((len(rows), 4), np.float16)

    sizes = Sizes(DEFAULT_BACKBONES)
    next(extract_in_batches(counted(), sizes, pass_through))
    assert (taken, sizes.rows) == (IMAGE_BATCH_SIZE, [IMAGE_BATCH_SIZE])


@pytest.mark.gpu
@pytest.mark.skipif(NO_GPU, reason="needs a CUDA device")
def test_a_gpu_gives_what_the_cpu_gives(tmp_path: Path) -> None:
    files = [photo(tmp_path / f"{seed}.jpg", seed) for seed in range(5)]
    jobs = [ExtractionJob(path, "image") for path in files]
    jobs.append(ExtractionJob(song(tmp_path / "song.flac", 1, seconds=7.0), "music"))
    by_device = {}
    for device in ("cpu", "cuda"):
        outcomes = extract_all(jobs, Settings(workers=2, device=device), DEFAULT_BACKBONES)
        by_device[device] = {one.path: one.features for one in outcomes}  # type: ignore[union-attr]
    for path, features in by_device["cpu"].items():
        np.testing.assert_allclose(by_device["cuda"][path], features, atol=SAME, rtol=SAME)


def test_moments_are_made_where_they_are_wanted(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac", 1, seconds=7.0)
    here = read_media(path, "music", DEFAULT_IMAGE_SPEC, compute_patches)
    later = read_media(path, "music", DEFAULT_IMAGE_SPEC, pass_through)
    assert later.rows.ndim == 1
    np.testing.assert_array_equal(compute_patches(later.rows), here.rows)
