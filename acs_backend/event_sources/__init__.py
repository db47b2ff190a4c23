"""Where the port's events come from; each source is a module of its own behind the same `subscribe`."""
