"""`python -m fitdash` is the command line."""

from fitdash.cli.commands import main

if __name__ == "__main__":
    main(prog_name="fitdash")
