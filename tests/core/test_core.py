"""Atomic writes, deferred interrupts, paths and escaping of names."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.core.atomic_files import atomic_write, hash_file
from attune.core.errors import escape_path
from attune.core.paths import is_below, matches_any
from attune.core.signals import defer_interrupts


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(target) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    with atomic_write(target) as temporary:
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_text("abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
    assert hash_file(tmp_path / "abc") == expected


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    done = []
    # pytest ignores SIGINT if a shell started it in the background.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), defer_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            done.append(True)
        assert done == [True]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, inherited)


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_printable_never_lets_control_characters_out(name: bytes) -> None:
    text = escape_path(os.fsdecode(name))
    assert text.isprintable()
    text.encode("utf-8")


@pytest.mark.parametrize(
    ("path", "glob", "matches"),
    [
        ("/a/private/x.jpg", "private", True),
        ("/a/b/x.png", "*.png", True),
        ("/a/b/x.jpg", "*.png", False),
        ("/photos/2019/x.jpg", "2019/*", True),
        ("/photos/12019/x.jpg", "2019/*", False),
        ("/photos/x.jpg", "/photos/*", True),
    ],
)
def test_globs(path: str, glob: str, matches: bool) -> None:
    assert matches_any(path, [glob]) == matches


def test_below() -> None:
    assert is_below("/a/b", "/a")
    assert is_below("/a", "/a")
    assert is_below("/a/b", "/")
    assert not is_below("/ab", "/a")
