"""rsatoolbox, used as its documentation uses it."""

import time
import warnings

import numpy as np
import rsatoolbox
from rsatoolbox.data import Dataset
from rsatoolbox.inference import eval_bootstrap_pattern, eval_fixed
from rsatoolbox.model import ModelFixed
from rsatoolbox.rdm import RDMs, calc_rdm, compare

warnings.simplefilter("ignore")


def load(request, key):
    return np.fromfile(request[key]).reshape(request[key + "_shape"])


def timed(work, repetitions):
    start = time.perf_counter()
    for _ in range(repetitions):
        result = work()
    return time.perf_counter() - start, result


def rdms(request):
    """RDMs of several sets of patterns."""
    sets = load(request, "patterns")
    items = [f"item{index:05d}" for index in range(sets.shape[1])]
    data = [Dataset(patterns, obs_descriptors={"item": items}) for patterns in sets]
    method = request["method"]

    def work():
        return calc_rdm(data, method=method, descriptor="item")

    seconds, found = timed(work, request["repetitions"])
    return {"seconds": seconds, "numbers": found.get_vectors()[:, :50].ravel().tolist()}


def comparison(request):
    """RDMs against one another."""
    all_rdms = RDMs(load(request, "rdms"))

    def work():
        return compare(all_rdms, all_rdms, method=request["method"])

    seconds, found = timed(work, request["repetitions"])
    return {"seconds": seconds, "numbers": found[np.triu_indices(len(found), 1)].tolist()}


def bootstrap(request):
    """Models against subjects, resampling items; with the noise ceiling."""
    models = [ModelFixed(f"m{at}", rdm) for at, rdm in enumerate(load(request, "models"))]
    subjects = RDMs(load(request, "subjects"))
    method, replicates = request["method"], request["replicates"]

    def work():
        return eval_bootstrap_pattern(models, subjects, method=method, N=replicates)

    seconds, _ = timed(work, 1)
    exact = eval_fixed(models, subjects, method=method)
    numbers = np.nanmean(exact.evaluations[0], axis=-1).ravel().tolist()
    numbers += [float(np.mean(bound)) for bound in exact.noise_ceiling]
    return {"seconds": seconds, "numbers": numbers}
