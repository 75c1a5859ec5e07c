"""Execution of exported programs on this machine, or on a device, to check them against torch and to time them.

- ``running``: a program in execution; ``compiled``: C, with a compiler; ``onnx_session``: onnxruntime; ``timing``;
  ``latency_table``: the latency of networks as the sum over their parts; ``device``: a command that times a file;
  ``targets``: images for microcontrollers, and their figures in an emulator
"""
