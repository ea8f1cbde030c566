"""State of record: typed SQL tables, migrations, queries, and files by run."""
