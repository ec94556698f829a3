"""A third-party plug-in package: `window` has a method, `drift` a task."""
