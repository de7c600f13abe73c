"""Starts the processes of a trial as torchrun or a script for several hosts does, for tests."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PATIENCE_SEC = 300  # far above what any of this takes: a hang is a failure


def environments(framework: str, num_processes: int, num_devices: int = 1) -> list[dict[str, str]]:
    """What each process is told, as torchrun or a script for several hosts does."""
    common = {
        "PYTHONPATH": ":".join(path for path in sys.path if path),
        "PATH": "/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "OMP_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
        "JAX_LOG_COMPILES": "1",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={num_devices}",
    }
    if num_processes == 1:
        return [common]
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    if framework == "jax":
        of_all = {"COORDINATOR_ADDRESS": f"localhost:{port}", "NUM_PROCESSES": str(num_processes)}
        of_each = [of_all | {"PROCESS_ID": str(index)} for index in range(num_processes)]
        return [common | {f"JAX_{name}": v for name, v in each.items()} for each in of_each]
    of_all = {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(num_processes),
    }
    ranks = [{"RANK": str(index), "LOCAL_RANK": str(index)} for index in range(num_processes)]
    return [common | of_all | each for each in ranks]


def run(program: list[str], told: list[dict[str, str]], out: Path) -> list[int]:
    """The exit statuses of the processes; what they print is beside the run folder."""
    processes = []
    for index, environment in enumerate(told):
        with out.with_name(f"{out.name}.{index}.txt").open("w") as file:
            command = [sys.executable, *program, "--out", str(out)]
            processes.append(
                subprocess.Popen(command, env=environment, cwd=ROOT, stdout=file, stderr=file)
            )
    try:
        return [process.wait(PATIENCE_SEC) for process in processes]
    finally:
        for process in processes:
            process.kill()
