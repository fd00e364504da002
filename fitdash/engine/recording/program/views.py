"""The operations that return views: tensors that share the memory of their argument."""

VIEWS = frozenset(
    ["t", "transpose", "permute", "view", "unsqueeze", "squeeze", "select", "slice"]
    + ["split", "split_with_sizes", "unbind"]
)
"""Out-of-place operations whose result shares the memory of their argument, and whose schema says so."""
