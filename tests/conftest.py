"""What holds for every test."""

from __future__ import annotations

import signal

# A shell that starts us in the background has us ignore Ctrl-C, and with us every command that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
