"""redyn: watch a recurrent network, or a brain, make up its mind.

    import redyn

    traj = redyn.Trajectories(representations, labels, readout=W)   # arrays of any library
    traj = redyn.open("LA.zarr")                                    # a store, or a published .npz
    traj.stable_step()                                              # every analysis is a method ...
    redyn.boundary(traj)                                            # ... and a function

    with redyn.record(model, taps=["layer3", "gap"], readout="fc", labels=labels) as rec:
        for images, labels in rec.batches(loader):
            model(images)
    rec.trajectories().accuracy().plot()

    redyn.claims([traj, twin])                                      # held against the published claims
    redyn.compare(traj, brain=rdms).plot()                          # every area and step against subjects' RDMs
    redyn.report([traj, twin], "report.html")                       # one page with every figure

`redyn.ANALYSES` lists the analyses. The command line is installed as `redyn`.
"""

from redyn._redyn import VERSION as __version__

from redyn._analyses import *
from redyn._analyses import ANALYSES, Analysis
from redyn._analyses import __all__ as _analyses
from redyn._compare import Comparison, compare
from redyn._errors import InputError, MissingPackage, RedynError
from redyn._record import Recorder, record
from redyn._results import Estimate, Result, Table
from redyn._study import Claims, Results, analyze, claims, report
from redyn._trajectories import Trajectories, open

__all__ = [
    "ANALYSES",
    "Analysis",
    "Claims",
    "Comparison",
    "Estimate",
    "InputError",
    "MissingPackage",
    "Recorder",
    "RedynError",
    "Result",
    "Results",
    "Table",
    "Trajectories",
    "__version__",
    "analyze",
    "claims",
    "compare",
    "open",
    "record",
    "report",
    *_analyses,
]
