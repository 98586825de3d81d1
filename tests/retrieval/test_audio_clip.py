"""Clips of songs: a file that only claims to be a song opens no other file and no address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from attune.core.errors import MediaError
from attune.embedding.audio_decoding import read_audio
from attune.retrieval.audio_clip import encode_mp3_clip
from attune.retrieval.story.song_audio import decode_mono
from attune.tests.media_factory import song


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bool]]]:
    """A port of this machine, and a list that grows by one entry for each connection to it."""
    connections: list[bool] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connections.append(True)
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], connections
        server.shutdown(socket.SHUT_RDWR)


def write_playlist(folder: Path, kind: str, port: int) -> Path:
    """Write a playlist named song.mp3 that names another file or an address."""
    secret = song(folder / "secret.mp3", 1, 3.0)
    text = {
        "concat": f"ffconcat version 1.0\nfile '{secret.name}'\n",
        "concat-absolute": f"ffconcat version 1.0\nfile 'file:{secret}'\n",
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nfile:{secret}\n#EXT-X-ENDLIST\n",
        "hls-address": f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nhttp://127.0.0.1:{port}/a.mp3\n"
        "#EXT-X-ENDLIST\n",
        "sdp": f"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio {port} RTP/AVP 14\n",
    }[kind]
    (folder / "song.mp3").write_text(text)
    return folder / "song.mp3"


@pytest.mark.parametrize("kind", ["concat", "concat-absolute", "hls", "hls-address", "sdp"])
def test_a_playlist_named_like_a_song_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: tuple[int, list[bool]], kind: str
) -> None:
    port, connections = listener
    monkeypatch.chdir(tmp_path)  # where FFmpeg looks for a relative name that comes without a folder
    path = write_playlist(tmp_path, kind, port)
    with pytest.raises(MediaError, match=r"song\.mp3"):
        encode_mp3_clip(path, 0.0, 2.0)
    with pytest.raises(MediaError, match=r"song\.mp3"):
        decode_mono(str(path), 16_000)
    with pytest.raises(MediaError, match=r"song\.mp3"):
        read_audio(path)
    assert connections == []
