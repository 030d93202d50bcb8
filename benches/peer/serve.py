"""The peer of redyn's benchmarks: answers requests, one JSON line each, with seconds."""

import importlib
import json
import os
import platform
import sys


def hello(request):
    """Say who answers; fails where the module that is asked for is missing."""
    threads = request["threads"]
    about = {"module": request["module"], "python": platform.python_version(), "threads": threads}
    about["numpy"] = importlib.import_module("numpy").__version__
    if request["module"] == "torch":
        torch = importlib.import_module("torch")
        torch.set_num_threads(threads)
        about["torch"] = torch.__version__
        about["compile"] = hasattr(torch, "compile")
        about["oneDNN"] = torch.backends.mkldnn.is_available()
        if torch.cuda.is_available():
            about["gpus"] = [
                torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())
            ]
    if request["module"] == "rsatoolbox":
        importlib.import_module("rsatoolbox")
        about["rsatoolbox"] = importlib.import_module("importlib.metadata").version("rsatoolbox")
    try:
        about["scipy"] = importlib.import_module("scipy").__version__
    except ImportError:
        about["scipy"] = None
    return about


def peak(_):
    """The most memory this process ever held."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return {"bytes": 1024 * int(line.split()[1])}


def answer(request):
    what = request["do"]
    if what in ("hello", "peak"):
        return {"hello": hello, "peak": peak}[what](request)
    module, function = what.split(".")
    return getattr(importlib.import_module(module), function)(request)


def main():
    # What libraries print must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            result = answer(json.loads(line))
        except Exception as error:  # whatever went wrong is the answer
            result = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(result), file=answers, flush=True)


if __name__ == "__main__":
    main()
