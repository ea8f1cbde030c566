"""Who is there, where people sign in: what a provider says of somebody, and whether that lets him in.

A person is known by his e-mail address in small letters, and only by one that the provider vouches for.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import UserError
from core.settings import Settings

LONGEST_EMAIL = 254


class NotLetInError(UserError):
    """Somebody has signed in, and may not come in."""


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in.

    admin: may change what belongs to others, and pause the queue. may_queue: jobs that may wait at once.
    """

    email: str
    admin: bool = False
    may_queue: int = 100


def person_of(settings: Settings, claims: Mapping[str, Any]) -> Person | None:
    """Who it is that a provider's claims tell of; None where nobody has signed in, or that was too long ago.

    Raises:
        NotLetInError: they do not name anybody who may come in; the sentence is for him to read.
    """
    if not settings.signs_in or claims.get("is_logged_in") is not True or not _is_fresh(settings, claims):
        return None
    email = claims.get("email")
    if (
        not isinstance(email, str)
        or email.count("@") != 1
        or not 3 <= len(email) <= LONGEST_EMAIL
        or not email.isprintable()
    ):
        raise NotLetInError("Your account tells no e-mail address, so nobody here knows who you are. Use another one.")
    email = email.strip().casefold()
    # Some providers send the word, and some nothing at all.
    verified = claims.get("email_verified", settings.oidc_trust_email)
    if verified not in (True, "true"):
        raise NotLetInError(
            f"The address {email} is not verified by the provider, so it could be anybody's. Verify it there."
        )
    allowed = settings.allowed_people
    admin = email in settings.admins
    if allowed and not admin and email not in allowed and f"@{email.rpartition('@')[2]}" not in allowed:
        raise NotLetInError(
            f"You have signed in as {email}, who is not on the list of those who may come in. "
            "Ask whoever runs this server, or sign in as somebody else."
        )
    return Person(email, admin, settings.max_queue_per_person)


def _is_fresh(settings: Settings, claims: Mapping[str, Any]) -> bool:
    """Whether the provider vouched for it lately enough; a claim without a time never is."""
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return False
    return -300 < time.time() - issued < settings.sign_in_hours * 3600
