"""What runs inside the limited process: from bytes to columns of text, with caps. Standard library and pyarrow only."""
