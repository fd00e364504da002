"""A click group with a default command."""

from typing import Any

import click


class DefaultCommandGroup(click.Group):
    """A group that runs the command `first` where none is named, or where a flag stands in its place."""

    def __init__(self, *args: Any, first: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.first = first

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        is_flag = bool(args) and args[0].startswith("-") and args[0] not in own
        return super().parse_args(ctx, [self.first, *args] if is_flag or not args else args)
