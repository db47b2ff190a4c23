"""Tests that need more than this machine has are skipped, or fail where everything is required."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import requirements
from tests.support.requirements import REQUIRE_ALL, require_node, require_sdist, unavailable

Skipped = pytest.skip.Exception
Failed = pytest.fail.Exception


def test_what_is_missing_skips_the_test_with_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REQUIRE_ALL, raising=False)
    with pytest.raises(Skipped, match="the moon is not here"):
        unavailable("the moon is not here")


def test_what_is_missing_fails_the_test_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRE_ALL, "1")
    with pytest.raises(Failed, match="the moon is not here, and TWILIO_COMPAT_REQUIRE_ALL=1 asks for it"):
        unavailable("the moon is not here")


def test_without_node_the_test_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(REQUIRE_ALL, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Skipped, match=r"Node\.js and npm are not installed"):
        require_node()


def test_without_a_registry_the_test_is_skipped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(REQUIRE_ALL, raising=False)
    monkeypatch.setattr(requirements, "CACHE", tmp_path)
    for name, value in {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": ""}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Skipped, match=r"pip cannot download the source of azure-communication-chat 1\.3\.0"):
        require_sdist("azure-communication-chat", "1.3.0")


def test_what_is_in_the_cache_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(requirements, "CACHE", tmp_path)
    unpacked = tmp_path / "sdists" / "package-1.0"
    unpacked.mkdir(parents=True)
    assert unpacked == require_sdist("package", "1.0")
