"""Twilio Conversations on Azure Communication Services Chat: the adapter behind `twilio_compat`."""

from acs_backend.backend import AcsBackend, open_backend

__all__ = ["AcsBackend", "open_backend"]
