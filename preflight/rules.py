"""The rules that preflight stands for, in words.

They follow from what the benchmark measures (Dahl et al. 2023, arXiv 2306.07179): the time that a
training algorithm, the same on all workloads, takes on a fixed pipeline and fixed software. The
words are ours.
"""

RULES = {
    # Read from the code.
    "workload_name": "A training algorithm is the same on every workload. Only get_batch_size may ask "
    "which one it is; nothing may be looked up by its name or told by its other numbers.",
    "environment": "The software's settings are the harness's: environment variables, precision, "
    "threads and flags of the framework, the state of its generators.",
    "clock": "The harness alone reads clocks. A submission may look at `train_state` and "
    "`eval_results`, whose times are those that count.",
    "threads": "All work is done inside the calls that are timed: no threads, no processes.",
    "files": "A submission trains on what it is given: it reads and writes no files.",
    "network": "A submission trains on what it is given: it talks to nobody.",
    "patching": "Framework, workload and harness are the same for all: nothing in them is replaced, "
    "and only public interfaces are used.",
    "custom_kernels": "What is compared is algorithms, on the framework's own kernels: no kernels, "
    "compilers or native libraries of one's own.",
    "dynamic_code": "Code can be read as it stands: nothing is compiled, imported or looked up by a "
    "name that is made while running.",
    "harness_internals": "A submission sees the workload object's public attributes, and through "
    "`import` only `spec` and its framework: validation and test data are out of its reach.",
    "hidden_state": "What a step leaves for the next is in what it returns, so that a trial can be "
    "resumed and trials do not see each other.",
    "dependencies": "What is imported besides the framework is in the manifest.",
    # Found by running it.
    "manifest": "The manifest and what it names can be read and fit each other.",
    "interface": "The functions take and return what spec/submission.proto says; parameters and model "
    "state keep their structure, shapes and types.",
    "batch_size": "get_batch_size knows every workload that is scored, and the devices of the target "
    "hardware divide what it returns.",
    "finite": "Parameters and batch statistics stay finite on every tiny workload.",
    "deterministic": "The same seed gives the same bits.",
    "resumable": "A trial that is stopped and resumed gives the bits of one that was not.",
    "any_shape": "The algorithm runs on models of any shape, not only on those of the workloads.",
    "devices": "The result does not depend on the number of devices, up to rounding.",
    "names": "Nothing depends on how workload and parameters are called: `model_params_types` says "
    "what a parameter is.",
    "untimed_work": "Whatever serves training is done while the clock runs: no passes in "
    "init_optimizer_state, no values brought along, nothing done while others evaluate or save.",
    "memory": "Training fits into the target hardware's memory at the submission's batch sizes.",
    "ends": "The rehearsal comes to its end.",
}
