"""Reads ISO 8601 as the emulator writes it."""

from __future__ import annotations

from datetime import datetime

parse = datetime.fromisoformat
