"""ControllerRevisions: the history of the templates of StatefulSets and DaemonSets."""
