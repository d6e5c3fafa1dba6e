"""What each command of `fmiqa` does."""
