"""Names of attributes and methods that have a meaning to torch or Python, so that a step runs them or does not.

Example: an object that a module holds. No forward call runs its `__repr__`, so the clock in it does not matter, unless
the code uses one of the names in `ASIDE`, here `str`:

    class Stamp:
        def __repr__(self):
            return str(time.time())

    self.held = Stamp()                              # recorded
    return self.head(x) * len(str(self.held))        # "eager: the step uses the module time"
"""

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
"""Attributes of every module that `refuse_hooks` and the walk over parameters check."""

RUN = frozenset(["_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"])
"""The hooks among them that a step runs."""
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
"""Methods that no forward call runs, unless its code uses one of the names given for them."""
DESCRIBING = frozenset(
    ["__dict__", "__weakref__", "__doc__", "__annotations__", "__module__", "__qualname__", "__orig_bases__"]
    + ["__dataclass_fields__", "__dataclass_params__", "__parameters__", "__abstractmethods__", "__slots__"]
    + ["__static_attributes__", "__firstlineno__", "__type_params__", "__annotate__", "__annotate_func__"]
    + ["__annotations_cache__", "__classdictcell__", "_abc_impl"]
)
"""Entries that Python itself adds to a class."""
UNMAKING = {
    "__init__": frozenset(["__init__"]),
    **dict.fromkeys(
        ["__repr__", "__str__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__"], frozenset(["__class__"])
    ),
}
"""Methods that use these names without making an object, such as `super().__init__()`."""
GRADIENTS = frozenset(["forward", "backward", "vjp", "jvp", "vmap", "setup_context"])
"""Methods of an `autograd.Function` that torch calls."""
METHODS = (types.FunctionType, property, staticmethod, classmethod, functools.cached_property)
