"""One public function a command: each composes the rooms below."""
