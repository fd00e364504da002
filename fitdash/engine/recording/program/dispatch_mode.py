"""torch's seam for every operation that runs, or a stand-in where this torch has none."""

from typing import TYPE_CHECKING, Any

__all__ = ["DispatchMode"]

if TYPE_CHECKING:
    from torch.utils._python_dispatch import TorchDispatchMode as DispatchMode
else:
    try:
        from torch.utils._python_dispatch import TorchDispatchMode as DispatchMode
    except ImportError:

        class DispatchMode:
            """Never entered: `is_recording_supported` is False then, and nothing is traced."""

            def __enter__(self) -> Any:
                raise RuntimeError("This torch has no TorchDispatchMode, so no operation can be watched.")
