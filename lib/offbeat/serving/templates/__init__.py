"""Templates of the form."""
