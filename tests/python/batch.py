"""Run one of the client scripts many times in one process: what they import takes longer than what they ask.

    python tests/python/batch.py SCRIPT < JOBS

JOBS is a JSON list of argument lists. Prints a JSON list, in that order, of what each run came to:
`code`, the `report` it printed, if it did, and the `errors` it wrote, a line each.
"""

import contextlib
import io
import json
import runpy
import sys
import traceback


def run(script, arguments):
    out, err = io.StringIO(), io.StringIO()
    code = 0
    sys.argv = [script, *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_path(script, run_name="__main__")
        except SystemExit as e:
            code = e.code or 0
        except Exception:  # noqa: BLE001 - one run that breaks must not take the others with it
            traceback.print_exc()
            code = 70
    try:
        report = json.loads(out.getvalue())
    except ValueError:
        report = None
    return {"code": code, "report": report, "errors": err.getvalue().splitlines()}


def main():
    script = sys.argv[1]
    sys.path.insert(0, script.rpartition("/")[0])
    jobs = json.load(sys.stdin)
    json.dump([run(script, job) for job in jobs], sys.stdout)


if __name__ == "__main__":
    main()
