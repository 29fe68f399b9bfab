"""The questions about a curriculum, each a function from DataFrame to DataFrame."""
