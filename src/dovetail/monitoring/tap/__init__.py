"""The tap: in front of an inference server that sends no payload log.

It passes every byte on unchanged, and logs inferences on the side.
"""
