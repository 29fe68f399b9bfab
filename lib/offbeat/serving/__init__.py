"""The web form and its API: they answer from the same saved model that Spark scores with."""
