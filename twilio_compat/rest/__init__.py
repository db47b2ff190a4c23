"""Drop-in for ``twilio.rest``: change the import, keep the code."""
