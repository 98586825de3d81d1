"""Atomic writes, deferred interrupts, paths and escaping of names."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.core.atomic_files import atomic_write, hash_file
from attune.core.errors import UsageError, escape_path
from attune.core.paths import is_below, read_path_argument
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


def test_below() -> None:
    assert is_below("/a/b", "/a")
    assert is_below("/a", "/a")
    assert is_below("/a/b", "/")
    assert not is_below("/ab", "/a")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("file:///home/u/My%20Photo.jpg", "/home/u/My Photo.jpg"),
        ("file://localhost/a/%23b%25.jpg", "/a/#b%.jpg"),
        ("file://LOCALHOST/a", "/a"),
        ("FILE:/a/b", "/a/b"),
        ("file:///odd%FF%0A", "/odd\udcff\n"),
        ("file:name.jpg", "file:name.jpg"),  # a file may be called so
        ("./file:/a", "./file:/a"),
        ("plain%20name", "plain%20name"),
        ("'quoted'", "'quoted'"),
        ("a~/b", "a~/b"),
        ("~somebody", "~somebody"),
    ],
)
def test_an_argument_may_be_a_uri(given: str, meant: str) -> None:
    assert read_path_argument(given) == Path(meant)


def test_a_tilde_that_no_shell_has_replaced_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/u")
    assert read_path_argument("~/x") == Path("/home/u/x")
    assert read_path_argument("~") == Path("/home/u")


def test_a_file_on_another_computer_is_refused() -> None:
    with pytest.raises(UsageError, match=r"file://nas/photos: a file on another computer; mount"):
        read_path_argument("file://nas/photos")


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_a_uri_gives_back_any_path(name: bytes) -> None:
    path = Path("/folder") / os.fsdecode(name.lstrip(b"/"))
    assert read_path_argument(path.as_uri()) == path
