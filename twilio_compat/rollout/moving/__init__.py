"""Bringing a conversation that is there already to the other side."""
