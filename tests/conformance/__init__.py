"""What Twilio's client does, held against what this library does."""
