"""What ACS has no place for, in a database: SQLite by default, PostgreSQL where several machines share it."""
