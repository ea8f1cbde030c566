"""Which encoders there are and how they are loaded, without ever running code from a download."""
