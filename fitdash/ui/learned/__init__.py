"""The learned panel, drawn from saved predictions: decision boundary, confusion matrix, residuals, samples."""
