"""What can go wrong with images. Every text is for people: what, in which file or image, what to do."""

from __future__ import annotations


class ImageError(Exception):
    """Base of all errors of this package."""


class InvalidReference(ImageError):
    """A name that cannot name an image, as Docker sees it."""


class NoSuchImage(ImageError):
    """The store has no image of this name."""


class CorruptImage(ImageError):
    """An archive, blob or layer that is not what it says: truncated, wrong digest, not an image."""


class UnsupportedImage(ImageError):
    """A sound image this machine cannot use: other architecture, unknown compression."""


class StoreUnusable(ImageError):
    """The store's folder cannot be used: not allowed, full, or of another user."""


class RegistryError(ImageError):
    """A registry did not do what was asked."""


class RegistryUnavailable(RegistryError):
    """It cannot be reached, hangs, breaks off or is out of order: another try may succeed."""


class NotInRegistry(RegistryError):
    """It has no such image, or not for this machine."""


class AccessDenied(RegistryError):
    """It wants other credentials than were given."""
