"""What a mirror is told, and telling it."""
