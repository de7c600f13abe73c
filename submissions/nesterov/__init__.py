"""SGD with Nesterov momentum, linear warm-up and linear decay."""
