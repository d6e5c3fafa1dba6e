"""The notebook chain: running it, its contents, and what its cells show."""
