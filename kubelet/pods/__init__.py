"""The life of a pod on this node: what to do next (pure), who does it (one worker per pod), what is reported."""
