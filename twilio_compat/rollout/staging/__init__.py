"""Which stage a conversation is in, and who says so."""
