  int32_t largest = logits[0];
  uint32_t sum = 0;
  for (int32_t i = 1; i < $outputs; ++i) {
    if (logits[i] > largest) {
      largest = logits[i];
    }
  }
  for (int32_t i = 0; i < $outputs; ++i) {
    sum += $weights[largest - logits[i]];
  }
