"""The command line: `redyn`, or `python -m redyn`."""

import sys

from redyn._redyn import main as run


def main() -> None:
    """Do what the command line says and end with its exit status."""
    sys.exit(run(["redyn", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
