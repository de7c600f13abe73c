"""The names that the rules of preflight/reading.py know."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# By rule: modules of which nothing may be imported or used, and single names in modules.
FORBIDDEN = {
    "clock": _words("""
        time timeit datetime sched torch.cuda.Event torch.profiler torch.utils.benchmark jax.profiler
    """),
    "threads": _words("""
        threading _thread multiprocessing concurrent asyncio subprocess signal pty joblib ray dask psutil
        os.fork os.forkpty os.system os.popen os.posix_spawn os.posix_spawnp os.spawnl os.spawnle os.spawnlp
        os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe os.execl os.execle os.execlp os.execlpe os.execv
        os.execve os.execvp os.execvpe torch.multiprocessing torch.jit.fork torch.futures
        jax.pure_callback jax.experimental.io_callback
    """),
    "files": _words("""
        shutil tempfile glob fileinput sqlite3 dbm shelve mmap zipfile tarfile gzip bz2 lzma pickle dill
        cloudpickle h5py safetensors orbax importlib.resources io.open codecs.open os.open os.read os.write
        os.remove os.unlink os.rename os.replace os.mkdir os.makedirs os.rmdir os.listdir os.scandir os.walk
        os.chdir numpy.save numpy.savez numpy.savetxt numpy.load numpy.loadtxt numpy.genfromtxt numpy.fromfile
        numpy.memmap jax.numpy.save jax.numpy.savez jax.numpy.load flax.training.checkpoints torch.save
        torch.load torch.utils.data torchvision datasets tensorflow_datasets
    """),
    "network": _words("""
        socket socketserver ssl urllib http ftplib smtplib telnetlib xmlrpc requests httpx aiohttp urllib3
        websockets grpc paramiko boto3 huggingface_hub transformers wandb torch.hub torch.distributed.rpc
    """),
    "patching": _words("""
        unittest.mock builtins importlib.reload sys.modules sys._getframe sys.settrace sys.setprofile sys.path
        sys.path_hooks sys.meta_path jaxlib jax._src jax.interpreters torch._C torch._dynamo
        torch._inductor torch._functorch torch.library torch.overrides torch.nn.modules.module
        torch.utils._python_dispatch
    """),
    "custom_kernels": _words("""
        triton jax_triton jax.experimental.pallas jax.ffi jax.extend.ffi ctypes cffi cupy
        numba pycuda cuda pybind11 Cython torch.utils.cpp_extension torch.ops.load_library torch.classes
        flash_attn xformers apex transformer_engine tensorrt
    """),
    "dynamic_code": _words("""
        importlib imp runpy code codeop marshal types.FunctionType types.CodeType
    """),
    "environment": _words("""
        os.putenv os.unsetenv resource locale sys.setrecursionlimit sys.setswitchinterval random.seed
        numpy.seterr numpy.random.seed jax.config jax.distributed torch.backends torch.manual_seed torch.seed
        torch.random.manual_seed torch.set_rng_state torch.set_default_device torch.set_default_dtype
        torch.set_float32_matmul_precision torch.set_flush_denormal torch.set_num_interop_threads
        torch.set_num_threads torch.use_deterministic_algorithms torch.cuda.manual_seed
        torch.cuda.manual_seed_all torch.cuda.set_device torch.cuda.set_per_process_memory_fraction
    """),
    "untimed_work": _words("atexit weakref.finalize"),
    "harness_internals": _words("""
        gc inspect harness inputs backends conformance scoring cli preflight
    """),
}
BUILTINS = {
    "open": "files",
    "input": "files",
    "exec": "dynamic_code",
    "eval": "dynamic_code",
    "compile": "dynamic_code",
    "globals": "dynamic_code",
    "locals": "dynamic_code",
    "vars": "dynamic_code",
    "__import__": "dynamic_code",
    "__builtins__": "patching",
}
# Methods by which objects reach files, whatever they are called.
FILE_METHODS = _words("""
    open read_text read_bytes write_text write_bytes mkdir rmdir touch unlink iterdir rglob
""")
# Attributes through which code is reached that is not written down where it is used.
CODE_ATTRIBUTES = _words(
    "__globals__ __code__ __closure__ __subclasses__ f_back f_globals f_locals"
)

# What the harness lends a submission, by the names of the interface.
LENT = _words("workload input_queue train_state eval_results")
# Attributes of the workload that say which one it is.
TELLING = _words("name message rules dataset __class__")
# Its numbers, each of which tells workloads apart when it is compared with constants.
NUMBERS = _words("""
    step_hint num_train_examples num_eval_train_examples num_validation_examples num_test_examples
    max_allowed_runtime_sec eval_period_time_sec validation_target_value test_target_value eval_batch_size
    target_metric_name param_shapes
""")
MUTATING = _words("""
    append appendleft extend insert add update setdefault pop popleft popitem clear remove discard
""")

CONTAINERS = _words("dict list set bytearray defaultdict deque Counter OrderedDict")

# Packages besides the standard library that need not stand in the manifest.
PROVIDED = _words("numpy scipy spec submissions pytest hypothesis")
OF_FRAMEWORK = {
    "submission_jax.py": _words("jax flax optax"),
    "submission_pytorch.py": _words("torch"),
}


def forbidden(dotted: str | None) -> str | None:
    """The rule that a dotted name breaks, by itself or by what it is in; None if there is none."""
    parts = (dotted or "").split(".")
    names = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return next((rule for rule, listed in FORBIDDEN.items() if names & listed), None)
