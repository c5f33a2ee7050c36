"""The arithmetic of measurements: histograms, and windows that are added up."""
