"""The default batch size of Keras, and the batches of a pass that have a single row."""

DEFAULT_BATCH_SIZE = 32


def single_sample_batch(rows: int, batch_size: int) -> str | None:
    """Which batches of a pass have one row: "Every", "The last", or None."""
    if rows and batch_size == 1:
        return "Every"
    return "The last" if rows % batch_size == 1 else None
