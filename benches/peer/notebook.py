"""The published analyses as loops over images and pairs, in the manner of the notebook.

With `every` above 1 only each so-manieth image of an outer loop is visited (inner loops over
pairs are whole), and the seconds of the loops are multiplied: every loop is linear in its
outer images.
"""

import time

import numpy as np
import published


def mean(values):
    return np.mean(values) if len(values) else None


def cosine(a, b):
    return np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))


def stable_step(answers):
    """First step of the last run, by both rules of the notebook; None if not stable."""
    last, step = answers[-1], len(answers) - 1
    while step > 0 and answers[step - 1] == last:
        step -= 1
    if len(answers) - step < 2 or last in answers[:step]:
        return None
    return step


def analyse(request):
    every = request["every"]
    start = time.perf_counter()
    r, p, labels, weight = published.load(request["npz"])
    loaded = time.perf_counter()
    steps, n = r.shape[:2]
    answers = np.argmax(p, axis=2)
    accuracy = [np.mean(answers[t] == labels) for t in range(steps)]
    published.dendrogram(weight)
    whole = time.perf_counter()

    courses, stable = [0, 0, 0, 0], {}
    for i in range(0, n, every):
        own = [int(a) for a in answers[:, i]]
        step = stable_step(own)
        if step is None:
            courses[2 if labels[i] in own else 3] += 1
        elif own[-1] == labels[i]:
            courses[0] += 1
            stable[i] = step
        else:
            courses[1] += 1
    if every > 1:
        # The loops below need every image's partners in pairs: found outside the clock.
        pause = time.perf_counter()
        for i in range(n):
            step = stable_step([int(a) for a in answers[:, i]])
            if step is not None and answers[-1, i] == labels[i]:
                stable[i] = step
        whole += time.perf_counter() - pause

    changes = []
    for s in range(steps):
        group = [i for i in stable if stable[i] == s]
        if group:
            changes.append([])
            for t in range(steps - 1):
                changes[-1].append(mean([np.linalg.norm(r[t + 1, i] - r[t, i]) for i in group[::every]]))

    norm, alignment, own, other = ([], []), ([], []), [], []
    for t in range(steps):
        sides = ([i for i in stable if stable[i] <= t], [i for i in stable if stable[i] > t])
        for side, group in enumerate(sides):
            norm[side].append(mean([np.linalg.norm(r[t, i]) for i in group[::every]]))
            alignment[side].append(mean([cosine(r[t, i], weight[answers[t, i]]) for i in group[::every]]))
        later = sides[1]
        own.append(mean([cosine(r[t, i], weight[labels[i]]) for i in later[::every]]))
        pairs = []
        for i in later[::every]:
            for j in later:
                if answers[t, i] == answers[t, j] and labels[i] != labels[j]:
                    pairs.append(cosine(r[t, i], weight[labels[j]]))
        other.append(mean(pairs))

    seconds = (whole - start) + every * (time.perf_counter() - whole)
    by_step = [sum(step == s for step in stable.values()) for s in range(steps)]
    numbers = published.in_order(accuracy, norm, alignment, (own, other), changes, courses, by_step)
    return {"seconds": seconds, "load": loaded - start, "numbers": numbers}
