"""Media types by name, reasons for refusal, and opening of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from attune.core.errors import MediaError
from attune.embedding.media_files import describe_error, kind_of, open_media, refusal_reason


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jpg", "image"),
        ("A.JPEG", "image"),
        ("a.HEIC", "image"),
        ("a.nef", "image"),
        ("a b.tar.webp", "image"),
        ("a.mp3", "music"),
        ("a.M4A", "music"),
        ("a.oga", "music"),
        ("a.txt", None),
        ("a", None),
        (".jpg", None),
        ("._a.jpg", None),
        ("a.mp4", None),
    ],
)
def test_kind_follows_the_extension(name: str, kind: str | None) -> None:
    assert kind_of(Path("folder.mp3") / name) == kind


def test_kind_of_a_name_that_is_not_utf8() -> None:
    assert kind_of(os.fsdecode(b"caf\xe9.jpg")) == "image"


@pytest.mark.parametrize(
    ("name", "word"),
    [("a.MP4", "video"), ("a.mkv", "video"), ("a.mid", "notes"), ("a.psd", "export"), ("a.m4p", "protected")],
)
def test_what_looks_like_media_is_refused_with_a_reason(name: str, word: str) -> None:
    reason = refusal_reason(name)
    assert reason is not None
    assert word in reason
    assert kind_of(name) is None


@pytest.mark.parametrize("name", ["a.jpg", "a.mp3", "a.txt", "a", "._a.mp4"])
def test_all_else_is_not_refused(name: str) -> None:
    assert refusal_reason(name) is None


def test_only_regular_files_with_content_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    reasons = {}
    for name in ("pipe.jpg", "folder.jpg", "empty.jpg", "loop.jpg", "missing.jpg", "nul\0.jpg"):
        with pytest.raises(MediaError) as caught:
            open_media(tmp_path / name)
        reasons[name] = caught.value.reason
    assert reasons["pipe.jpg"] == "not a regular file"
    assert reasons["folder.jpg"] == "a folder, not a file"
    assert reasons["empty.jpg"] == "empty (0 bytes)"
    assert "symbolic links" in reasons["loop.jpg"]
    assert reasons["missing.jpg"] == "no such file"
    assert "null byte" in reasons["nul\0.jpg"]


def test_a_forbidden_file_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")

    def forbid(*_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", forbid)
    with pytest.raises(MediaError, match="no permission to read it"):
        open_media(path)


def test_an_error_is_described_without_addresses_and_paths() -> None:
    assert describe_error(ValueError("cannot identify <_io.BytesIO object at 0x7f>")) == "ValueError"
    assert describe_error(OSError(5, "Input/output error", "/a/b")) == "Input/output error"
    assert describe_error(SyntaxError("broken\n  file")) == "broken file"
    assert describe_error(IndexError("list index out of range")) == "its header or structure is invalid"
    assert "memory" in describe_error(MemoryError())
