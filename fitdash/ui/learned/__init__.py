"""What a network has learned so far: boundary, confusion, residuals, samples."""
