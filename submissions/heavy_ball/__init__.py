"""SGD with heavy-ball momentum, linear warm-up and linear decay."""
