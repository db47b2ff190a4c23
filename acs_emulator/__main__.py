"""``python -m acs_emulator`` is the command ``acs-emulator``."""

from acs_emulator.cli import main

if __name__ == "__main__":
    main(prog_name="acs-emulator")
