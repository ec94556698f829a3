"""`python -m collapsebench`."""

from .cli import main

if __name__ == "__main__":
    main()
