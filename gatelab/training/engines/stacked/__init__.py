"""Models of one shape as one computation: their parameters, readings and optimizers, stacked."""
