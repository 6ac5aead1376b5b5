"""Human or machine: the voice's features, the trained model, and the classifier that plugs into the bank."""
