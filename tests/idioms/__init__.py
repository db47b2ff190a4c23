"""What applications written for Twilio do, as they do it, on the adapter and the emulator."""
