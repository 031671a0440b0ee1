"""Run built models on hosts, emulators and boards, and measure them."""
