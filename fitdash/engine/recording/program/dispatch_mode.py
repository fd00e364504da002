"""torch's seams for every operation and every function that runs, or stand-ins where this torch has none."""

from typing import TYPE_CHECKING, Any

__all__ = ["DispatchMode", "FunctionMode"]

if TYPE_CHECKING:
    from torch.overrides import TorchFunctionMode as FunctionMode
    from torch.utils._python_dispatch import TorchDispatchMode as DispatchMode
else:

    class _Missing:
        """Never entered: `is_recording_supported` is False then, and nothing is traced."""

        def __enter__(self) -> Any:
            raise RuntimeError("This torch has no mode that watches operations.")

    try:
        from torch.utils._python_dispatch import TorchDispatchMode as DispatchMode
    except ImportError:
        DispatchMode = _Missing
    try:
        from torch.overrides import TorchFunctionMode as FunctionMode
    except ImportError:
        FunctionMode = _Missing
