"""What stands in the place of everything that the embedded host does not emulate."""

from __future__ import annotations


class NotEmulatedError(NotImplementedError, AttributeError):
    """A name of Slicer's application API that the embedded host does not have.

    Also an AttributeError, so that `hasattr` and `getattr` with a default tell the truth.
    """


def refuse(name: str) -> NotEmulatedError:
    """Make the error that names what is missing."""
    return NotEmulatedError(f"{name} is not emulated on the embedded host")


class Emulated:
    """Base of emulated objects: unknown names say that they are missing, new attributes are refused.

    Like a PythonQt wrapper, an emulated object takes no attribute that its class does not declare.
    """

    #: The Slicer or CTK class that the Python class stands for; used in messages.
    stands_for = ""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        raise refuse(f"{self.stands_for or type(self).__name__}.{name}")

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            message = f"{self.stands_for or type(self).__name__} has no attribute {name} that can be set"
            raise AttributeError(message)
        object.__setattr__(self, name, value)
