"""What the processes of a trial are told; and, for tests, starts them as a script for several hosts does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PATIENCE_SEC = 300  # far above what any of this takes: a hang is a failure


def torch_ranks(num_processes: int) -> list[dict[str, str]]:
    """Variables by which PyTorch's processes on one machine find each other, as torchrun sets them."""
    of_all = {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(num_processes),
    }
    ranks = map(str, range(num_processes))
    return [of_all | {"RANK": rank, "LOCAL_RANK": rank} for rank in ranks]


def _free_port() -> int:
    with socket.create_server(("", 0)) as server:
        return server.getsockname()[1]


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
    if framework == "pytorch":
        return [common | told for told in torch_ranks(num_processes)]
    of_all = {
        "COORDINATOR_ADDRESS": f"localhost:{_free_port()}",
        "NUM_PROCESSES": str(num_processes),
    }
    of_each = [of_all | {"PROCESS_ID": str(index)} for index in range(num_processes)]
    return [common | {f"JAX_{name}": v for name, v in each.items()} for each in of_each]


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
