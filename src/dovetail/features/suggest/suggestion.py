"""What a search found, and the definitions that it comes to."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dovetail.features.ondemand import ASKED
from dovetail.features.suggest.compute import Sample
from dovetail.features.suggest.search import Found
from dovetail.features.suggest.streams import Stream
from dovetail.features.suggest.task import Task
from dovetail.features.suggest.writing import WIDTH, Call, quoted, source_text, view_text
from dovetail.features.views import LatestView, View, WindowView

if TYPE_CHECKING:
    from dovetail.features.aggregations import Aggregation


@dataclass(frozen=True)
class Feature:
    """A feature worth keeping.

    Attributes:
        name: Its name in the definitions, `view:feature`.
        found: How it comes about.
        gain: How much worse later questions are told without it, in the measure.
    """

    name: str
    found: Found
    gain: float

    @property
    def keys(self) -> tuple[str, ...]:
        """The join keys by which it is looked up; none for what the question itself tells."""
        return tuple(dict.fromkeys(k for c, _ in self.found.parts for k in c.view.keys))


@dataclass(frozen=True)
class Suggestion:
    """A ranked set of features for a label.

    Attributes:
        task: What is predicted.
        measure: Name of the measure: AUC, accuracy or R2; greater is better.
        before: The measure on the last fifth of the questions from what is given alone.
        after: The same with the features.
        features: The features, the most useful first.
        streams: What was looked at.
        tried: How many views were tried.
        sample: The questions that were looked at.
    """

    task: Task
    measure: str
    before: float
    after: float
    features: tuple[Feature, ...]
    streams: tuple[Stream, ...]
    tried: int
    sample: Sample = field(repr=False)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """The views of the features, each with no more than what is used of it."""
        used: dict[str, dict[str, None]] = {}
        whole: dict[str, View] = {}
        for feature in self.features:
            for candidate, name in feature.found.parts:
                whole[candidate.view.name] = candidate.view
                used.setdefault(candidate.view.name, {})[name] = None
        return tuple(_pruned(view, list(used[name])) for name, view in whole.items())

    @property
    def service(self) -> str:
        """Name of the feature service: the label's."""
        return self.task.label

    def code(self, out: Path) -> str:
        """Return the definitions as a Python file.

        Args:
            out: Where the file will be; paths of tables become relative to it.
        """
        sources = {v.source.name: source_text(v.source, out) for v in self.views}
        keys = dict.fromkeys(key for view in self.views for key in view.keys)
        parts = [
            self._head(),
            self._imports(),
            "\n".join(f"{key} = Entity({quoted(key)})" for key in keys),
            "\n".join(sources.values()),
            *(view_text(view) for view in self.views),
            *([self._derived_text()] if self._derived else []),
            self._service_text(),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    @cached_property
    def _derived(self) -> tuple[Feature, ...]:
        return tuple(f for f in self.features if f.found.text)

    def _head(self) -> str:
        task = self.task
        return (
            f'"""What tells of {task.label} in {task.table.name}, asked at {task.asked}.\n\n'
            f"{self.measure} on the last fifth of the questions, which decided nothing: "
            f"{self.after:.4f}; {self.before:.4f} from what is\ngiven alone. "
            f"Beside each feature stands how much {self.measure} is lost without it.\n"
            '"""'
        )

    def _imports(self) -> str:
        kinds = {type(v).__name__ for v in self.views}
        kinds |= {type(v.source).__name__ for v in self.views}
        for view in self.views:
            if isinstance(view, WindowView):
                kinds |= {type(a).__name__ for a in view.aggregations}
        kinds |= {"FeatureService", *(["Entity"] if any(v.keys for v in self.views) else [])}
        kinds |= {"OnDemandView"} if self._derived else set()
        lines = f"from dovetail.features import {', '.join(sorted(kinds))}"
        if len(lines) > WIDTH:
            names = "".join(f"    {kind},\n" for kind in sorted(kinds))
            lines = f"from dovetail.features import (\n{names})"
        is_timed = any(self._kind_of(name) == "datetime" for name in self.request)
        return f"from datetime import datetime\n\n{lines}" if is_timed else lines

    @cached_property
    def request(self) -> tuple[str, ...]:
        """Columns of the questions that expressions use."""
        return tuple(dict.fromkeys(name for f in self._derived for name in f.found.request))

    def _kind_of(self, name: str) -> str:
        """Return the Python type of a column of the request."""
        if name == ASKED or name in self.task.table.times:
            return "datetime"
        return "str"

    def _derived_text(self) -> str:
        request = ", ".join(f"{quoted(n)}: {self._kind_of(n)}" for n in self.request)
        used: dict[str, dict[str, None]] = {}
        for feature in self._derived:
            for candidate, name in feature.found.parts:
                used.setdefault(candidate.view.name, {})[name] = None
        inputs = ", ".join(
            f"{view}[[{', '.join(map(quoted, names))}]]" for view, names in used.items()
        )
        features = ", ".join(
            f"{quoted(f.name.partition(':')[2])}: {quoted(_expression(f.found))}"
            for f in self._derived
        )
        args = [quoted(self.derived_name)]
        args += [f"inputs=[{inputs}]"] if inputs else []
        args += [f"request={{{request}}}"] if request else []
        args.append(f"features={{{features}}}")
        return Call("OnDemandView", args).text(f"{self.derived_name} = ")

    @property
    def derived_name(self) -> str:
        """Name of the on-demand view."""
        return derived_name(self.task)

    def _service_text(self) -> str:
        taken: dict[str, list[Feature]] = {}
        for feature in self.features:
            taken.setdefault(feature.name.partition(":")[0], []).append(feature)
        lines = [f"{self.service} = FeatureService(", f"    {quoted(self.service)},", "    ["]
        for view, features in taken.items():
            lines.append(f"        {view}[[")
            for feature in features:
                name = quoted(feature.name.partition(":")[2])
                lines.append(f"            {name},  # {feature.gain:.4f}")
            lines.append("        ]],")
        return "\n".join([*lines, "    ],", ")"])


def derived_name(task: Task) -> str:
    """Return the name of the on-demand view of a task."""
    return f"{task.label}_derived"


def feature_name(found: Found, task: Task) -> str:
    """Return what a column is called in the definitions: `view:feature`."""
    if not found.text:
        return found.column.name
    return f"{derived_name(task)}:{_identifier(found.column.name)}"


def _identifier(text: str) -> str:
    kept = "".join(c if c.isalnum() else "_" for c in text)
    return "_".join(part for part in kept.split("_") if part)


def _expression(found: Found) -> str:
    names = [f"{candidate.view.name}__{name}" for candidate, name in found.parts]
    return found.text.format(*names) if names else found.text


def _pruned(view: View, names: Sequence[str]) -> View:
    """Return a view without the windows, aggregations and columns that are not used."""
    if isinstance(view, WindowView):
        windows = [
            window
            for window, span in zip(view.windows, view.spans, strict=True)
            if any(f"{a.stem}_{span.name}" in names for a in view.aggregations)
        ]
        kept: list[Aggregation] = [
            a for a in view.aggregations if any(f"{a.stem}_{s.name}" in names for s in view.spans)
        ]
        return replace(view, windows=windows, aggregations=kept)
    assert isinstance(view, LatestView)
    return replace(view, features=[f for f in view.features if f in names])
