"""Whether both sides say the same."""
