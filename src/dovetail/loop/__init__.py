"""The loop: watch, retrain when it pays, compare, try as a canary, promote, roll back.

It works over any mixture of our pieces and others', because it reaches them by their protocols
only. What it needs of the user is a `Recipe`: how to train, and what became of recent rows.
"""

from dovetail.loop.compare import Comparison, compare
from dovetail.loop.deploy import Deployer, RegistryDeployer, make_deployer
from dovetail.loop.folder import FolderDeployer
from dovetail.loop.joints import Joints
from dovetail.loop.machine import Loop
from dovetail.loop.piece import piece
from dovetail.loop.policy import Decision, Lesson, decide
from dovetail.loop.recipe import Examples, Recipe, load_recipe
from dovetail.loop.settings import LoopSettings
from dovetail.loop.store import Cycle, Event, LoopStore

__all__ = [
    "Comparison",
    "Cycle",
    "Decision",
    "Deployer",
    "Event",
    "Examples",
    "FolderDeployer",
    "Joints",
    "Lesson",
    "Loop",
    "LoopSettings",
    "LoopStore",
    "Recipe",
    "RegistryDeployer",
    "compare",
    "decide",
    "load_recipe",
    "make_deployer",
    "piece",
]
