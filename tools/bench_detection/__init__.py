"""The detector beside its peers on the same labelled audio: `make bench-detection`."""
