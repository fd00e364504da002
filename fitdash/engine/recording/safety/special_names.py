"""Names of attributes and methods that mean something to torch or to Python itself."""

import functools
import types

HOOKS = frozenset(
    [
        "_parameters",
        "_buffers",
        "_modules",
        "_non_persistent_buffers_set",
        "_is_full_backward_hook",
        "_forward_hooks",
        "_forward_pre_hooks",
        "_backward_hooks",
        "_backward_pre_hooks",
        "_state_dict_hooks",
        "_state_dict_pre_hooks",
        "_load_state_dict_pre_hooks",
        "_load_state_dict_post_hooks",
        "_forward_hooks_with_kwargs",
        "_forward_hooks_always_called",
        "_forward_pre_hooks_with_kwargs",
    ]
)
"""Attributes of every module that other guards look after."""

RUN = frozenset(["_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"])
"""Those of them that a step runs."""
_COPIES = frozenset(["copy", "deepcopy", "replace"])
_TEXTS = frozenset(["str", "repr", "format", "ascii"])
ASIDE = {
    "__init__": frozenset(["type", "__class__"]),
    "__repr__": _TEXTS,
    "__str__": _TEXTS,
    "extra_repr": _TEXTS,
    "__getstate__": _COPIES,
    "__setstate__": _COPIES,
    "__init_subclass__": frozenset(["type"]),
}
"""Methods that no forward call runs, unless it uses one of these names."""
DESCRIBING = frozenset(
    ["__dict__", "__weakref__", "__doc__", "__annotations__", "__module__", "__qualname__", "__orig_bases__"]
    + ["__dataclass_fields__", "__dataclass_params__", "__parameters__", "__abstractmethods__", "__slots__"]
    + ["__static_attributes__", "__firstlineno__", "__type_params__", "__annotate__", "__annotate_func__"]
    + ["__annotations_cache__", "__classdictcell__", "_abc_impl"]
)
"""What Python itself keeps in a class."""
UNMAKING = {
    "__init__": frozenset(["__init__"]),
    **dict.fromkeys(
        ["__repr__", "__str__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__"], frozenset(["__class__"])
    ),
}
"""Methods that use such a name, but make no objects by it."""
GRADIENTS = frozenset(["forward", "backward", "vjp", "jvp", "vmap", "setup_context"])
"""Methods that torch calls of an `autograd.Function`."""
METHODS = (types.FunctionType, property, staticmethod, classmethod, functools.cached_property)
