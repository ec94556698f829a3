"""Access: what a method may touch, and what it touched."""

from __future__ import annotations

from collections.abc import Container, Iterable

from .errors import AccessDenied


class Access:
    """What one method may touch while it makes one corpus.

    Args:
        method: its name, for messages.
        granted: what it declared.

    Attributes:
        asked: the accesses that it used.
        touched: the capabilities of models that it used; where one of several is enough, all of these.
    """

    __slots__ = ("_granted", "asked", "method", "touched")

    def __init__(self, method: str, granted: Container[str]) -> None:
        self.method, self._granted = method, granted
        self.asked: set[str] = set()
        self.touched: set[str] = set()

    def require(self, access: str, attribute: str) -> None:
        """Note that the method uses an attribute of its context.

        Raises:
            AccessDenied: it did not declare the access.
        """
        self.asked.add(access)
        if access not in self._granted:
            raise AccessDenied(
                f"Method '{self.method}' used ctx.{attribute} without declaring access '{access}'.",
                f"Add it to the card: MethodCard(..., access={{'{access}'}}); the track follows from it.",
            )

    def touch(self, capabilities: Iterable[str]) -> None:
        """Note that the method uses capabilities of a model."""
        self.touched.update(capabilities)
