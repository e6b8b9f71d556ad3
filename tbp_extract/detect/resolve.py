"""From the name of a detector to the detector."""

import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tbp_extract.config import Config
from tbp_extract.detect import Detector
from tbp_extract.detect.listed import Listed
from tbp_extract.errors import ConfigError
from tbp_extract.types import LesionList

__all__ = ["BUILT_IN", "Given", "resolve_detector"]


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What a detector may need beside its settings, read by whoever may open files."""

    lesions: LesionList | None = None
    """The scan's own list, for ``listed``."""

    model: bytes | None = None
    """The file that ``detect.onnx.model`` names, for ``onnx``."""


def resolve_detector(name: str, config: Config, given: Given | None = None) -> Detector:
    """Make the detector of a name.

    Parameters
    ----------
    name : str
        One of ``BUILT_IN``, or ``package.module:Class``: a class that can be imported and whose
        instances have ``detect`` as in `Detector`. It is called with ``config.detect.options``.
    config : Config
    given : Given, optional

    Returns
    -------
    Detector

    Raises
    ------
    ConfigError
        If there is no such detector, naming the nearest that exist, or it cannot be made.
    """
    if ":" in name:
        return _own(name, config.detect.options)
    if name not in _MAKERS:
        near = difflib.get_close_matches(name, BUILT_IN, n=2, cutoff=0.0)
        raise ConfigError(
            f"unknown detector {name!r} in detect.detector: the nearest that exist are "
            f"{' and '.join(near)}; a class of your own is named package.module:Class"
        )
    return _MAKERS[name](config, given or Given())


def _listed(config: Config, given: Given) -> Detector:
    if given.lesions is None:
        raise ConfigError("the detector 'listed' takes the scan's lesion list, got none")
    return Listed(given.lesions, config.lesions)


def _blob(config: Config, _: Given) -> Detector:
    # Found late: its forest and kernels are for those who use it.
    from tbp_extract.detect.blob import Blob

    return Blob(config.detect.blob)


def _onnx(config: Config, given: Given) -> Detector:
    # Networks are for who has them; without one nothing of this is imported.
    from tbp_extract.detect.onnx.judge import make_judge
    from tbp_extract.detect.onnx.search import make_box_detector

    settings = config.detect.onnx
    if given.model is None:
        raise ConfigError("the detector 'onnx' takes the model that detect.onnx.model names")
    if settings.mode == "detector":
        return make_box_detector(given.model, settings)
    return make_judge(given.model, settings, resolve_detector(settings.base, config, given))


_MAKERS: Mapping[str, Callable[[Config, Given], Detector]] = {
    "blob": _blob,
    "listed": _listed,
    "onnx": _onnx,
}

BUILT_IN: Final = tuple(sorted(_MAKERS))
"""Names of the detectors that come with the package."""


def _own(name: str, options: Mapping[str, Any]) -> Detector:
    found = _attribute(name)
    if not isinstance(found, type):
        raise ConfigError(f"detector {name}: expected a class, got a {type(found).__name__}")
    if not callable(getattr(found, "detect", None)):
        raise ConfigError(f"detector {name}: expected a class with a method detect, it has none")
    try:
        detector: Detector = found(**options)
    # Whatever it raises, and if it leaves the process: a run must not end as if it were done.
    except (Exception, SystemExit) as error:
        # What a wrong keyword is called helps; other messages may name files.
        why = str(error) if isinstance(error, TypeError) else f"it raised {type(error).__name__}"
        raise ConfigError(
            f"detector {name}: cannot be made with detect.options "
            f"({', '.join(sorted(options)) or 'none given'}): {why}"
        ) from error
    return detector


def _attribute(name: str) -> object:
    module_name, _, class_name = name.partition(":")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ImportError)
        raise ConfigError(
            f"detector {name}: expected package.module:Class that can be imported, got "
            f"{type(error).__name__}: "
            + ("is the package installed where the workers run?" if missing else "import it to see")
        ) from error
    if not class_name or not hasattr(module, class_name):
        classes = sorted(key for key, value in vars(module).items() if isinstance(value, type))
        near = difflib.get_close_matches(class_name, classes, n=2, cutoff=0.0)
        hint = f"the nearest are {' and '.join(near)}" if near else "it has no class at all"
        raise ConfigError(f"detector {name}: the module has no class {class_name!r}; {hint}")
    return getattr(module, class_name)
