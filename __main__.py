"""`python -m attune` runs the command line."""

from attune.cli import main

if __name__ == "__main__":
    main()
