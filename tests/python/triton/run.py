"""Run the real Triton on the models that make_models.py laid out, on loopback, as this process.

    python tests/python/triton/run.py OUTDIR --http-port P --grpc-port P --metrics-port P [FLAG ...]

with the Python of requirements/triton.txt: the server comes from the wheel nvidia-pytriton, and its
python backend is the only one there. Flags are tritonserver's own, for example
`--model-control-mode=explicit --load-model=iris`.
"""

import argparse
import os
import sys
import sysconfig
from pathlib import Path


def backends(server, out):
    """The wheel's python backend with the stub for this Python, in a folder of ours: the wheel stays as it is."""
    folder = out / "backends/python"
    folder.mkdir(parents=True, exist_ok=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        raise SystemExit(f"the wheel has no stub for Python {version}")
    for file in (*(server / "backends/python").iterdir(), stub):
        link = folder / file.name
        if file.name == stub.name and link.is_symlink():
            link.unlink()
        if not link.exists():
            link.symlink_to(file)
    return folder.parent


def main():
    cli = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    cli.add_argument("out", type=Path)
    for port in ("http", "grpc", "metrics"):
        cli.add_argument(f"--{port}-port", type=int, required=True)
    args, flags = cli.parse_known_args()
    out = args.out.resolve()
    packages = Path(sysconfig.get_paths()["purelib"])
    server = packages / "pytriton/tritonserver"
    environment = os.environ | {
        "PYTHONPATH": f"{packages}:{Path(__file__).resolve().parents[1]}",
        "LD_LIBRARY_PATH": f"{sys.base_prefix}/lib:{packages}/nvidia_pytriton.libs",
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "PYTHONDONTWRITEBYTECODE": "1",
        # One thread each: there are as many processes as models.
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    }
    command = [
        str(server / "bin/tritonserver"),
        f"--model-repository={out}/models", f"--backend-directory={backends(server, out)}",
        f"--cache-directory={server}/caches", "--exit-timeout-secs=3", "--disable-auto-complete-config",
        f"--http-address=127.0.0.1", f"--http-port={args.http_port}",
        f"--grpc-address=127.0.0.1", f"--grpc-port={args.grpc_port}",
        f"--metrics-address=127.0.0.1", f"--metrics-port={args.metrics_port}", *flags,
    ]
    os.execve(command[0], command, environment)


if __name__ == "__main__":
    main()
