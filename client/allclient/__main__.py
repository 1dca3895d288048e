"""Runs allclient: ``python -m allclient`` is ``allclient``."""

from allclient.cli import main

if __name__ == "__main__":
    main()
