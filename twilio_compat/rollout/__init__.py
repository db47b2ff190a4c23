"""Moving from Twilio to Azure Communication Services one conversation at a time, behind a feature flag.

Some rooms decide and remember: stages, buckets, flags, pins, the kill switch, and what things are called on either side.
The others carry it out: a backend over both sides, the outbox of what a mirror is to be told, comparison, copying, and one
event stream of two. `twilio_compat.backend.open_backend` puts it together where the setting ``rollout`` is set.
"""
