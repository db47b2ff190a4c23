"""Moving from Twilio to Azure Communication Services one conversation at a time, behind a feature flag.

Here is what decides and what remembers: stages, buckets, flags, pins, the kill switch, what things are called on either
side, and measurements. What carries it out, a backend over both sides with its outbox, comparison and copying, is still to
come; until then `twilio_compat.backend.open_backend` refuses the setting ``rollout``.
"""
