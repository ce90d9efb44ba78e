"""CSI drivers of this node: found in the plugin folder, listed in the CSINode, called for the volumes of pods."""
