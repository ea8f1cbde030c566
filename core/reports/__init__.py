"""What a person takes home: an offline report of a run or of a comparison, and a model that `transformers` loads."""
