"""What is said where the packages that the emulator needs are not installed."""

from __future__ import annotations

import subprocess
import sys

WITHOUT_STARLETTE = "import sys; sys.modules['starlette'] = None; import acs_emulator"


def test_the_extra_to_install_is_named() -> None:
    ended = subprocess.run([sys.executable, "-c", WITHOUT_STARLETTE], capture_output=True, text=True)
    said = ended.stderr.splitlines()[-1]
    expected = "ImportError: The emulator needs starlette: pip install 'twilio-acs-compat[emulator]'"
    assert (1, expected) == (ended.returncode, said)
