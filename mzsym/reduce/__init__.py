"""From deep to shallow: networks of the first layers with read-outs, memory of finite length, and fewer neurons."""

from mzsym.reduce.advice import Advice
from mzsym.reduce.advise import advise
from mzsym.reduce.depths import DepthBound
from mzsym.reduce.neuron_choice import Influence, fewest_neurons, influence
from mzsym.reduce.neurons import FewerNeurons, fewer_neurons
from mzsym.reduce.reduce import reduce
from mzsym.reduce.reduction import Reduction
from mzsym.reduce.truncation import Truncation, truncate

__all__ = [
    "Advice",
    "DepthBound",
    "FewerNeurons",
    "Influence",
    "Reduction",
    "Truncation",
    "advise",
    "fewer_neurons",
    "fewest_neurons",
    "influence",
    "reduce",
    "truncate",
]
