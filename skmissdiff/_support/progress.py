"""Progress of long work, on standard error, only when asked for."""

import sys
import time

BAR_WIDTH = 30


class Progress:
    """A bar on a terminal, a few lines elsewhere, nothing at ``verbose=0``.

    Parameters
    ----------
    label : str
        What is going on.
    total : int
        Number of steps.
    verbose : int
        0 is silent.
    """

    def __init__(self, label, total, verbose):
        self.label = label
        self.total = total
        self.verbose = verbose
        self._start = self._last_print = time.monotonic()
        self._not_shown = None
        self._is_terminal = sys.stderr.isatty()

    def of_training(self, step, total, loss):
        """Show a step of a training, which knows itself how many there are."""
        self.total = total
        self(step, loss)

    def __call__(self, step, loss=None):
        if not self.verbose:
            return
        now = time.monotonic()
        self._not_shown = (step, loss)
        # Ten refreshes a second are plenty to look at; a log file needs far fewer.
        if step < self.total and now - self._last_print < (0.1 if self._is_terminal else 10):
            return
        self._show(step, loss, now)

    def _show(self, step, loss, now):
        self._last_print, self._not_shown = now, None
        text = f"{self.label}: {step}/{self.total}, {now - self._start:.1f} s"
        if loss is not None:
            text += f", loss {loss:.4f}"
        if self._is_terminal:
            filled = BAR_WIDTH * step // self.total
            bar = "#" * filled + "." * (BAR_WIDTH - filled)
            print(f"\r[{bar}] {text}\033[K", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self):
        """Show the last step, which may come before the total, and end the line of the bar."""
        if self._not_shown is not None:
            self._show(*self._not_shown, time.monotonic())
        if self.verbose and self._is_terminal:
            print(file=sys.stderr, flush=True)
