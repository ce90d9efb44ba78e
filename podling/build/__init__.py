"""`podling build`: Dockerfile → instructions → stages → steps on overlayfs with runc → an image of the store."""
