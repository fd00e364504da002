"""Networks that reach what they read through something that holds it."""

import collections
import functools
import types
import weakref

from tests.engine.recording.safety.watched_base import CALLS, FACTS, HELD, Scaled


class ThroughAWeakReference(Scaled):
    def put(self):
        self.held = weakref.ref(HELD)

    def scale(self):
        return self.held().number


class ThroughAView(Scaled):
    def put(self):
        self.facts = FACTS.values()

    def scale(self):
        return sum(self.facts)


class ThroughAProxy(Scaled):
    def put(self):
        self.facts = types.MappingProxyType(FACTS)

    def scale(self):
        return self.facts["number"]


class ThroughABoundMethod(Scaled):
    def put(self):
        self.count = CALLS.__len__

    def scale(self):
        return 1.0 + self.count()


@functools.lru_cache
def cached_list():
    return []


class ThroughACache(Scaled):
    def scale(self):
        calls = cached_list()
        calls.append(1)
        return 2.0 if len(calls) % 14 == 0 else 1.0


class ADict(dict):
    pass


class AList(list):
    def scale(self):
        return FACTS["number"]


class AFloat(float):
    pass


class APair(collections.namedtuple("Pair", "a b")):
    pass


class Slotted:
    __slots__ = ("__number",)

    def __init__(self):
        self.__number = 1.0

    def change(self):
        self.__number = 2.0

    def number(self):
        return self.__number


def holding(make, read):
    """A module that holds something, and reads it."""

    class Holding(Scaled):
        def put(self):
            self.held = make()

        def scale(self):
            return read(self.held)

    return Holding


def with_number(held):
    held.number = 1.0
    return held
