"""HorizontalPodAutoscalers: as many replicas as keep their pods' metrics at the targets."""
