"""One module per model family, named as the field in spec/models.proto, each with a class `Model`."""
