"""Sources of labels: people, labelling functions, models, ML backends, any HTTP endpoint.

All answer a batch of tasks the same way (`seam.Source`); a description (`specs`) says which.
"""

from dovetail.labels.sources.opening import Opener
from dovetail.labels.sources.seam import Question, Said, Source, SourceError, Task
from dovetail.labels.sources.specs import Spec

__all__ = ["Opener", "Question", "Said", "Source", "SourceError", "Spec", "Task"]
