"""Stories: a film cut to a song, a soundtrack for a folder of photos."""
