"""Programs to read and run; nothing here is part of the installed packages."""
