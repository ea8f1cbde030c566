"""What pages share: charts, tables, formats, texts."""
