"""What some tests need from their surroundings, and what happens without it.

Where it is missing the test is skipped with a notice. With ``TWILIO_COMPAT_REQUIRE_ALL=1`` it fails instead, so that
a build which is meant to run everything cannot pass by skipping. What is downloaded, one process downloads, and the
others that run tests wait for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import NoReturn

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
REQUIRE_ALL = "TWILIO_COMPAT_REQUIRE_ALL"
_OLDEST_NODE = 18
_DOWNLOAD_SECONDS = 240


def unavailable(what: str) -> NoReturn:
    """Skip the test, or fail it where everything is required."""
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{what}, and {REQUIRE_ALL}=1 asks for it")
    pytest.skip(what)


def require_node() -> None:
    """Go on only with Node.js 18 or newer and npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        unavailable("Node.js and npm are not installed")
    version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < _OLDEST_NODE:
        unavailable(f"Node.js {_OLDEST_NODE} or newer is needed, and this is {version}")


def require_npm_packages(project: Path) -> Path:
    """Return a directory of the cache in which what *project*'s lock file, or else its manifest, names is installed."""
    require_node()
    installed = CACHE / "npm" / project.name
    installed.mkdir(parents=True, exist_ok=True)
    with FileLock(installed / "lock"):
        return _npm_packages(project, installed)


def _npm_packages(project: Path, installed: Path) -> Path:
    wanted = {path.name: path.read_bytes() for path in sorted(project.glob("package*.json"))}
    stamp, content = installed / "installed", b"".join(wanted.values())
    if stamp.exists() and stamp.read_bytes() == content:
        return installed
    for name, text in wanted.items():
        (installed / name).write_bytes(text)
    how = ["ci"] if "package-lock.json" in wanted else ["install", "--no-package-lock"]
    result = _run(["npm", *how, "--no-audit", "--no-fund", "--loglevel=error"], cwd=installed)
    if result.returncode:
        unavailable(f"npm cannot install what {project.name} needs: {_reason(result.stderr)}")
    stamp.write_bytes(content)
    return installed


def require_sdist(name: str, version: str) -> Path:
    """Return the unpacked source distribution of a Python package, downloaded unless it is in the cache."""
    directory = CACHE / "sdists"
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / f"{name}-{version}.lock"):
        return _sdist(name, version, directory)


def _sdist(name: str, version: str, directory: Path) -> Path:
    unpacked = directory / f"{name}-{version}"
    if unpacked.is_dir():
        return unpacked
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    result = _run(
        [*command, "--no-binary", name, "--dest", str(directory), f"{name}=={version}"], cwd=directory
    )
    if result.returncode:
        unavailable(f"pip cannot download the source of {name} {version}: {_reason(result.stderr)}")
    with tarfile.open(directory / f"{name}-{version}.tar.gz") as archive:
        archive.extractall(directory, filter="data")
    return unpacked


def _run(command: list[str], *, cwd: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, check=False, cwd=cwd, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        unavailable(f"{' '.join(command[:2])} has not ended within {_DOWNLOAD_SECONDS} seconds")


def _reason(text: str) -> str:
    """Return the first line that speaks of an error."""
    return next(
        (line.strip() for line in text.splitlines() if "error" in line.lower()), "it does not say why"
    )
