"""One module per family of formats: files in, rows with named fields out; what can't be parsed says so."""
