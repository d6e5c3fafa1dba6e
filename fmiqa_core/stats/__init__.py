"""Agreement of scores with people, its intervals and tests. Imports no torch."""
