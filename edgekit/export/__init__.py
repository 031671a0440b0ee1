"""Writers: TFLite and QDQ ONNX from edge graphs."""
