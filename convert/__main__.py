"""Runs the command line of conversion: ``python -m convert``."""

from convert.cli import main

if __name__ == "__main__":
    main(prog_name="python -m convert")
