"""Ctrl-C between steps: an interrupt waits until the step under way is whole.

Parameters are updated in place, so that an interrupt in the middle of a step would leave some of
them updated and others not.
"""

import contextlib
import os
import signal
import threading

_NOTICE = b"\nstopping when this step is done; Ctrl-C again stops at once\n"


class HeldInterrupts:
    """Within this context Ctrl-C waits for `release`; a second one acts at once.

    Only the main thread receives signals: in another one, and where Ctrl-C is ignored, nothing
    is held.

    Parameters
    ----------
    active : bool
        False leaves Ctrl-C as it is.

    Examples
    --------
    >>> with HeldInterrupts() as held:
    ...     pass  # all of this is done, Ctrl-C or not
    ...     held.release()  # raises KeyboardInterrupt if there was one
    """

    def __init__(self, active=True):
        in_main = threading.current_thread() is threading.main_thread()
        self.active = active and in_main and callable(signal.getsignal(signal.SIGINT))
        self.caught, self.handler = False, None

    def __enter__(self):
        if self.active:
            self.handler = signal.signal(signal.SIGINT, self._hold)
        return self

    def __exit__(self, kind, error, trace):
        if self.active:
            signal.signal(signal.SIGINT, self.handler)
        if error is None:
            self.release()

    def release(self):
        """Let an interrupt that was held go on: KeyboardInterrupt, as a rule."""
        if self.caught:
            self.caught = False
            self.handler(signal.SIGINT, None)

    def _hold(self, number, frame):
        """The handler of the signal."""
        if self.caught:
            self.release()
            return
        self.caught = True
        with contextlib.suppress(OSError):
            os.write(2, _NOTICE)  # print is not allowed to interrupt another print
