"""A third-party plug-in package: `window` has a method, `coin` a task."""
