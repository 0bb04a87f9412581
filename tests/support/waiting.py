"""Waiting for a condition, never for luck."""

import time

DEADLINE = 30.0  # generous: the machine may be busy, and the binary carries sanitizers


def wait_until(predicate, what, deadline=DEADLINE, every=0.02):
    """Gives what `predicate` gives as soon as that is true; fails when it is not within `deadline` seconds.

    `what` says what is waited for; a function is asked only when it is needed, and may show the state of things."""
    end = time.monotonic() + deadline
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {deadline:g} s: {what() if callable(what) else what}")
        time.sleep(every)


def again_until(action, predicate, what, deadline=DEADLINE, every=0.1):
    """Does `action` again and again, as a client that tries again does, until `predicate` is true."""

    def once():
        if predicate():
            return True
        action()
        return False

    return wait_until(once, what, deadline, every)
