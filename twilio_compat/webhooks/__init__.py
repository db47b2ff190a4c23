"""Telling an application's own server of what happens in conversations, as Twilio does."""
