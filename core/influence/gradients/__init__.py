"""The shapes that a parameter's per-example gradient comes in, and their inner products."""
