"""What a compiled model minimises and measures: losses and metrics by output, with weights, and their totals."""
