"""What the kubelet counts, and the figures of its containers, in upstream's names."""
