"""Films cut to a song, and soundtracks for a folder of photos."""
