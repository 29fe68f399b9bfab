"""Machine logs: raw lines become events by templates, mined on the training part and frozen."""
