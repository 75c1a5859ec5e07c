"""Programs at work on this machine, or on a device: to check them against torch, and to time them.

- ``running``: a program at work; ``compiled``: C, where there is a compiler; ``onnx_session``: onnxruntime; ``timing``;
  ``latency_table``: what networks take as the sum of what their parts take
"""
