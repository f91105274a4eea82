"""Doors of devices and relying parties."""
