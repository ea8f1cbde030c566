"""Safe reading, mapping, profiling and making of labelled text with a confound column."""
