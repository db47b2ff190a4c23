"""What counts as text: ACS takes JSON, and a database takes UTF-8 without NUL."""

from __future__ import annotations

from twilio_compat.errors import ArgumentError


def check_text(text: str, what: str) -> None:
    """Raise `ArgumentError` if *text*, which is *what*, has half of a surrogate pair or a NUL in it."""
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise ArgumentError(f"{what} is Unicode text without NUL")


def as_text(text: str) -> str:
    """Return *text* with a question mark in place of what is none."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
