"""Images with what people said of them, and scores: where they come from and how they are read."""
