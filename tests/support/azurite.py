"""Microsoft's storage emulator, Azurite, from npm."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.requirements import require_npm_packages

ACCOUNT = "devstoreaccount1"
KEY = "c2VjcmV0"
_PROJECT = Path(__file__).parents[1] / "acs_emulator" / "storage" / "azurite"
_READY = re.compile(r"successfully listens on (http://\S+)")


@contextmanager
def running_azurite() -> Iterator[str]:
    """Run Azurite, with nothing in it, and yield a connection string for it."""
    home = require_npm_packages(_PROJECT)
    options = ["--blobPort", "0", "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    process = subprocess.Popen(
        ["node", home / "node_modules/azurite/dist/src/blob/main.js", *options],
        cwd=home, stdout=subprocess.PIPE, text=True, env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
    )  # fmt: skip
    with process:
        try:
            assert process.stdout is not None
            endpoint = next(match[1] for match in map(_READY.search, process.stdout) if match)
            yield f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={endpoint}/{ACCOUNT};"
        finally:
            process.kill()
