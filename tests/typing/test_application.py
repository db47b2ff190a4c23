"""The public names have the types they are meant to have."""

from __future__ import annotations

from pathlib import Path

from mypy import api

import twilio_compat

HERE = Path(__file__).parent


def test_an_application_is_checked_as_intended() -> None:
    report, trouble, _ = api.run(["--strict", "--no-error-summary", str(HERE / "application.py")])
    assert ("", "") == (report, trouble)


def test_every_exported_name_exists_and_is_listed_in_order() -> None:
    assert sorted(twilio_compat.__all__) == list(twilio_compat.__all__)
    assert [] == [name for name in twilio_compat.__all__ if not hasattr(twilio_compat, name)]
