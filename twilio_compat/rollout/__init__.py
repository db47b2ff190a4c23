"""Moving from Twilio to Azure Communication Services one conversation at a time, behind a feature flag."""
