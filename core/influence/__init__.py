"""How strongly training examples pull on a probe: exact per-example gradients, never materialised for the whole set."""
