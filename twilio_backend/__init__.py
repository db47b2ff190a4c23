"""The port over Twilio's own REST API: for a deployment some of whose conversations are still at Twilio."""

try:
    import twilio  # noqa: F401
except ModuleNotFoundError:
    raise ImportError("The Twilio adapter needs twilio: pip install 'twilio-acs-compat[rest]'") from None

from twilio_backend.backend import TwilioBackend, open_backend

__all__ = ["TwilioBackend", "open_backend"]
