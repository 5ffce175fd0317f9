"""Run a command until standard input closes, so that no server outlives the test that started it.

    python tests/python/until_stdin_closes.py COMMAND [ARG ...]

Exits with the command's code if it ends by itself.
"""

import os
import subprocess
import sys
import threading

child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)


def wait_for_end_of_input():
    # Not sys.stdin: its lock, held here, would make an ending by itself a fatal error of the interpreter.
    while os.read(0, 4096):
        pass
    child.terminate()
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()


threading.Thread(target=wait_for_end_of_input, daemon=True).start()
sys.exit(child.wait())
