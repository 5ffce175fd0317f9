"""Run a command in a terminal of its own until its screen shows some texts; then type ctrl-C.

    python tests/python/terminal.py [--shows TEXT ...] [--rows N] [--columns N] -- COMMAND [ARG ...]

Without texts the command ends by itself. Prints JSON: the last picture, how many there were, all that came, the signal or
exit code that ended it, whether the terminal is set as before, and the modes (DEC's) that are left otherwise than usual.
"""

import argparse
import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

HOME = "\x1b[H"


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("--shows", action="append", default=[])
    cli.add_argument("--rows", type=int, default=40)
    cli.add_argument("--columns", type=int, default=200)
    cli.add_argument("command", nargs="+")
    args = cli.parse_args()

    # Both ends stay open here, so that the terminal outlives the command.
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", args.rows, args.columns, 0, 0))
    before = termios.tcgetattr(slave)
    child = os.fork()
    if child == 0:
        os.login_tty(slave)
        os.execvp(args.command[0], args.command)

    came, typed, status = "", False, None
    deadline = time.monotonic() + 60
    while status is None or select.select([master], [], [], 0)[0]:
        if time.monotonic() > deadline:
            os.kill(child, 9)
            sys.exit(f"not within a minute; on the screen:\n{came}")
        if select.select([master], [], [], 0.05)[0]:
            came += os.read(master, 65536).decode(errors="replace")
        if status is None:
            ended, code = os.waitpid(child, os.WNOHANG)
            status = code if ended else None
        if args.shows and not typed and came.count(HOME) > 1:
            if all(text in came.rsplit(HOME, 1)[1] for text in args.shows):
                os.write(master, b"\x03")
                typed = True

    modes = dict(re.findall(r"\x1b\[\?(\d+)([hl])", came))
    usual = {"25": "h"}
    json.dump({
        "picture": came.rsplit(HOME, 1)[-1],
        "pictures": came.count(HOME),
        "came": came,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "set_as_before": termios.tcgetattr(slave) == before,
        "modes_left": sorted(mode for mode, to in modes.items() if to != usual.get(mode, "l")),
    }, sys.stdout)


main()
