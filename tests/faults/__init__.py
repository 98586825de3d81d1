"""Kill, corrupt, fuzz, fill the disk: nothing may be lost, nobody let in."""
