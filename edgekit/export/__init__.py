"""Writers of integer graphs: TFLite and QDQ ONNX."""
